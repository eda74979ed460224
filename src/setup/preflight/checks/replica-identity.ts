// On sources. Without a replica identity an UPDATE or DELETE fails, for the users, as soon as the
// table is published; https://www.postgresql.org/docs/current/logical-replication-publication.html
import { hasSeveralWriters } from '../../../config/writers.ts';
import { tableLabel } from '../../../model/relation.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { type ReplicaKey, replicaKeyOf } from '../../../postgres/replica-key.ts';
import { sourceEnds, type TableEnd } from '../carried-tables.ts';
import { columnList } from '../create-table.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import type { TableFacts } from '../read/read-tables.ts';

export const replicaIdentity: Check = {
  name: 'replica-identity',
  category: 'schema',
  find: (facts) =>
    sourceEnds(facts).flatMap((end) => [
      ...judge(end, meetsOthers(facts, end)),
      ...judgePartitions(end),
    ]),
};

/** Rows of several databases, here or on any that its rows go to. */
function meetsOthers({ config }: PreflightFacts, { database, table, carried }: TableEnd): boolean {
  const places = [database.name, ...carried.map(({ subscription }) => subscription.target)];
  return places.some((place) => hasSeveralWriters(config, place, table));
}

function judge({ label, database, table }: TableEnd, severalWriters: boolean): Problem[] {
  const common = { code: 'REPLICA_IDENTITY', database: database.name, table: label } as const;
  const key = replicaKeyOf(table);
  const generated = generatedAmong(key, database, table);
  if (key === 'none' || generated !== undefined) {
    const isInsertOnly = !table.changed && !severalWriters;
    const why =
      generated === undefined ? reason(table) : `has ${generated} in its replica identity`;
    return [
      {
        ...common,
        severity: isInsertOnly ? 'warning' : 'error',
        message: `${database.name}: ${label} ${why}: UPDATE and DELETE ${isInsertOnly ? '(none seen so far) ' : ''}fail there once it is published`,
        hint: remedy(generated === undefined ? table : { ...table, replicaIdentity: 'default' }),
      },
    ];
  }
  if (key === 'all columns' && severalWriters) {
    const hasKey = table.keys.some(({ immediate }) => immediate);
    return [
      {
        ...common,
        severity: 'error',
        message: hasKey
          ? `${database.name}: ${label} has REPLICA IDENTITY FULL: with several sources one key must tell its rows apart`
          : `${database.name}: ${label} has no key, only REPLICA IDENTITY FULL: with several sources rows could not be told apart`,
        hint: remedy({ ...table, replicaIdentity: 'default' }),
      },
    ];
  }
  return [];
}

/**
 * Generated columns are not sent. From 18 on the server therefore takes none as part of an identity,
 * not even of FULL; before, a key that has one could not be found on the target.
 */
function generatedAmong(
  key: ReplicaKey,
  { identity }: DatabaseFacts,
  { columns }: TableFacts,
): string | undefined {
  if (key === 'none' || (key === 'all columns' && identity.major < 18)) return undefined;
  const column = columns.find(
    ({ name, generated }) => generated && (key === 'all columns' || key.includes(name)),
  );
  return column && `generated column ${column.name}`;
}

function reason({ replicaIdentity, keys }: TableFacts): string {
  if (replicaIdentity === 'nothing') return 'has REPLICA IDENTITY NOTHING';
  if (replicaIdentity === 'index') return 'has lost the index of its replica identity';
  return keys.some(({ primary }) => primary)
    ? 'has a deferrable primary key, which cannot be its replica identity'
    : 'has no primary key and no other replica identity';
}

function remedy(table: TableFacts): string {
  const alter = `alter table ${quoteTable(table)}`;
  const generated = table.columns.filter((column) => column.generated).map(({ name }) => name);
  const keys = table.keys.filter(
    ({ columns }) => !columns.some((name) => generated.includes(name)),
  );
  const usable = keys.find(({ immediate }) => immediate);
  if (usable?.primary) return `${alter} replica identity default`;
  if (usable) return `${alter} replica identity using index ${quoteIdentifier(usable.indexName)}`;
  const deferrable = keys.find(({ primary }) => primary);
  if (deferrable)
    return `${alter} drop constraint ${quoteIdentifier(deferrable.indexName)}, add primary key (${columnList(deferrable.columns)})`;
  return `${alter} add primary key (…)`;
}

/** Each partition has a replica identity of its own, and it is there that rows are changed. */
function judgePartitions({ label, database, table }: TableEnd): Problem[] {
  const common = {
    severity: 'error',
    code: 'REPLICA_IDENTITY',
    database: database.name,
    table: label,
  } as const;
  const keyless = table.keylessPartitions.map((partition) => ({
    ...common,
    message: `${database.name}: partition ${partition} of ${label} has no replica identity: UPDATE and DELETE fail there once ${label} is published`,
    hint: `give ${label} a primary key, which its partitions take over, and set replica identity default on ${partition}`,
  }));
  const others = table.otherPartitions.map((partition) => ({
    ...common,
    message: `${database.name}: partition ${tableLabel(partition)} of ${label} has another replica identity: its UPDATE and DELETE would not tell the row`,
    hint: `alter table ${quoteTable(partition)} replica identity full`,
  }));
  return [...keyless, ...others];
}
