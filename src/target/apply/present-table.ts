// A relation of the stream as its table is at the source by now: under another name perhaps, and with other columns.
import { ReplicatorError } from '../../model/errors.ts';
import { type Relation, type TableName, tableLabel } from '../../model/relation.ts';
import { quoteIdentifier } from '../../postgres/identifiers.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { KeyColumn } from './target-table.ts';

export interface PresentTable extends TableName {
  /** By the relation's columns: whether the source still has it. */
  readonly has: readonly boolean[];
}

interface PresentColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly generated: boolean;
}

/** Its name and columns, each with whether this transaction has it locked. */
export function describe({ oid }: Relation): Statement {
  return {
    text: `select n.nspname, c.relname, a.attname, a.atttypid, a.attgenerated <> '',
        exists (select from pg_catalog.pg_locks l
          join pg_catalog.pg_database d on d.oid = l.database and d.datname = current_database()
          where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.relation = c.oid)
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.oid = $1 order by a.attnum`,
    values: [String(oid)],
  };
}

/** Whether what was read between the two was read of this table, under these names. */
export function isUnaltered(before: GroupResult, after: GroupResult): boolean {
  const names = ({ rows }: GroupResult) => JSON.stringify(rows.map((row) => row.slice(0, -1)));
  return after.rows.every((row) => row.at(-1) === 't') && names(before) === names(after);
}

/** Throws SCHEMA_DRIFT when rows cannot be read any more, or values of another column might be. */
export function presentTable(
  relation: Relation,
  key: readonly KeyColumn[],
  { rows }: GroupResult,
  database: string,
): PresentTable {
  const [first] = rows;
  if (first === undefined)
    throw new ReplicatorError(
      'SCHEMA_DRIFT',
      `${database}: ${tableLabel(relation)} was dropped before all was read there that its changes did not send`,
      { hint: 'these changes go with the table: `replicator resume` the subscription' },
    );
  const table = { schema: first[0] ?? '', name: first[1] ?? '' };
  const columns = rows.map(([, , name, typeOid, generated]) => ({
    name: name ?? '',
    typeOid: Number(typeOid),
    generated: generated === 't',
  }));
  const has = relation.columns.map(({ name }) => columns.some((column) => column.name === name));
  const drift = (what: string, hint: string) =>
    new ReplicatorError(
      'SCHEMA_DRIFT',
      `${database}: ${tableLabel(table)}: ${what}, and a change of before did not send all values`,
      { hint },
    );
  const renamed = renamedColumn(relation, columns);
  if (renamed !== undefined) {
    const [now, before] = renamed.map(quoteIdentifier);
    throw drift(
      `column ${renamed[1]} was renamed`,
      `until the change is applied: alter table ${tableLabel(table)} rename column ${now} to ${before}`,
    );
  }
  const lost = key.find(({ index }) => !has[index]);
  if (lost !== undefined)
    throw drift(
      `column ${lost.name} of the key was dropped`,
      'make the table the same as it was, until the change is applied',
    );
  return { ...table, has };
}

/**
 * What the column is called now, and what it was; also where that only may be so. The stream names columns and does not
 * number them, but has them in their order, in which new ones come last.
 */
function renamedColumn(
  { columns }: Relation,
  present: readonly PresentColumn[],
): readonly [string, string] | undefined {
  const isKnown = ({ name }: PresentColumn) => columns.some((column) => column.name === name);
  const places = columns.map(({ name }) => present.findIndex((column) => column.name === name));
  let last = -1;
  for (const [i, { name, typeOid }] of columns.entries()) {
    const next = places.slice(i).find((place) => place !== -1) ?? present.length;
    // Two that changed names with each other.
    if (next < last) return [present[last]?.name ?? '', name];
    const now = present
      .slice(last + 1, next)
      .find((column) => !isKnown(column) && !column.generated && column.typeOid === typeOid);
    if (now !== undefined) return [now.name, name];
    if (places[i] !== -1) last = next;
  }
  return undefined;
}
