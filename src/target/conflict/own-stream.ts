// A database's own changes, read late from its own stream: `resolveOwn` for many rows at a time. A
// delete leaves its tombstone, and what came meanwhile and is older goes; a write goes that a delete
// from elsewhere has beaten. Versions are exact here, so nothing is left to be looked at.
import type { ConflictKind, ConflictResolution, DecidingRule } from '../../model/conflict.ts';
import { quoteLiteral } from '../../postgres/identifiers.ts';
import { rowKeyHash } from '../../postgres/key-hash.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { rowsOf } from '../apply/row-sql.ts';
import { sizeOfKey, slices } from '../apply/slices.ts';
import type { RowDelete, Step } from '../apply/step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from '../apply/target-table.ts';
import { imageCharacters } from './conflict-log.ts';
import { Given, matchesKey, tombstoneOf } from './given-rows.ts';
import { buryGiven } from './guarded-statements.ts';

export function planOwn(
  table: TargetTable,
  key: readonly KeyColumn[],
  step: Step,
  self: OwnSelf,
): Statement[] {
  const plan: Statement[] = [];
  for (const rows of slices(step.deletes, sizeOfKey)) plan.push(ownDelete(table, key, rows, self));
  for (const rows of slices([...step.updates, ...step.inserts], sizeOfKey))
    plan.push(ownWrite(table, key, rows, self));
  return plan;
}

/** The database, as it is named in what is told of it. */
export interface OwnSelf {
  readonly name: string;
  readonly rank: number;
}

function ownDelete(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
  self: OwnSelf,
): Statement {
  const given = new Given(table, key, rows);
  const rank = given.parameter(String(self.rank), 'integer');
  const bury = `buried as (${buryGiven(table, key, rank)})`;
  const remove = removeOlder(table, key, `(u.commit_time, ${rank})`);
  // What went is the other's row.
  const told = tell(table, given, self, {
    type: 'delete_origin_differs',
    resolution: 'apply_remote',
    rule: 'newer',
    local: 'gone.commit_time, gone.rank, gone.image, null::jsonb',
  });
  return {
    text: `with ${given.cte}, ${bury}, gone as (${remove}), ${told}`,
    values: given.values,
  };
}

function ownWrite(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
  self: OwnSelf,
): Statement {
  const given = new Given(table, key, rows);
  // Most keys have no tombstone, and then nothing else is looked at.
  const beaten =
    '(select u.*, b.commit_time as b_time, b.rank as b_rank ' +
    `from given u, ${tombstoneOf(table, key)} offset 0) u`;
  const remove = removeOlder(table, key, '(u.b_time, u.b_rank)', {
    from: beaten,
    other: ', u.b_time, u.b_rank',
  });
  // What went is what was written here.
  const told = tell(table, given, self, {
    type: 'update_deleted',
    resolution: 'keep_local',
    rule: 'tombstone',
    local: 'gone.b_time, gone.b_rank, null::jsonb, gone.image',
  });
  return { text: `with ${given.cte}, gone as (${remove}), ${told}`, values: given.values };
}

/** Of the given rows those that are older than `version`; what they were is given back. */
function removeOlder(
  table: TargetTable,
  key: readonly KeyColumn[],
  version: string,
  { from = 'given u', other = '' } = {},
): string {
  const exact = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  const versionIs = (what: string) => `(select ${what} from ${exact} v)`;
  return (
    `delete from ${rowsOf(table)} as t using ${from} where ${matchesKey(key)} ` +
    `and ${versionIs(`(v.commit_time, v.rank) < ${version}`)} ` +
    `returning u.commit_time as own_time, ${versionIs('v.commit_time')} as commit_time, ` +
    `${versionIs('v.rank')} as rank, ${image(key)} as key, ${image(table.columns)} as image${other}`
  );
}

/** Every value as the server prints it, under its column's name, the shortest first; bounded as rowImage() is. */
function image(columns: readonly TargetColumn[]): string {
  const values = columns.map(
    ({ name, quoted }) =>
      `(${quoteLiteral(name)}, case when t.${quoted} is not null then pg_catalog.format('%s', t.${quoted}) end)`,
  );
  return (
    '(select pg_catalog.jsonb_object_agg(name, value) from (' +
    'select name, value, sum(length(value)) over (order by length(value) nulls first, name) as characters ' +
    `from (values ${values.join(', ')}) as image(name, value)) sized ` +
    `where coalesce(characters, 0) <= ${imageCharacters})`
  );
}

interface Telling {
  readonly type: ConflictKind;
  readonly resolution: ConflictResolution;
  readonly rule: DecidingRule;
  /** SQL of the other's commit time, rank and row, and of the database's own row. */
  readonly local: string;
}

/** In the same statement, so that nothing goes without a word. */
function tell(
  { oid, schema, name: tableName, contested }: TargetTable,
  given: Given,
  { name }: OwnSelf,
  { type, resolution, rule, local }: Telling,
): string {
  const source = given.parameter(name, 'text');
  const names = [contested?.sync ?? '', schema, tableName].map(quoteLiteral).join(', ');
  const kept = contested === undefined || contested.log === 'off' ? 'false' : 'true';
  return (
    'told as (insert into replicator.conflicts (source, relation, sync, table_schema, table_name, ' +
    'key, conflict_type, resolution, rule, remote_commit_time, local_commit_time, local_database, ' +
    `local_row, remote_row) select ${source}, ${oid}, ${names}, gone.key, '${type}', '${resolution}', ` +
    `'${rule}', gone.own_time, nullif(l.at, '-infinity'), (select r.database from replicator.ranks r ` +
    `where r.rank = l.rank), l.there, l.here from gone, lateral (select ${local}) ` +
    `as l(at, rank, there, here) where ${kept}) ` +
    'insert into replicator.conflict_counts as c (source, conflict_type, resolution, count) ' +
    `select ${source}, '${type}', '${resolution}', count(*) from gone having count(*) > 0 ` +
    'on conflict (source, conflict_type, resolution) do update set count = c.count + excluded.count'
  );
}
