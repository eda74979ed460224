// On targets: a unique index by which a row of the stream is found, and which ON CONFLICT can use.
import { hasSeveralWriters } from '../../../config/writers.ts';
import type { CatalogKey } from '../../../postgres/catalog.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { replicaKeyOf } from '../../../postgres/replica-key.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import { columnList } from '../create-table.ts';
import type { Check, Problem } from '../finding.ts';

export const targetKey: Check = {
  name: 'target-key',
  category: 'schema',
  find: (facts) =>
    tablePairs(facts).flatMap((pair) =>
      judge(pair, hasSeveralWriters(facts.config, pair.target.name, pair.targetTable)),
    ),
};

function judge(pair: TablePair, severalWriters: boolean): Problem[] {
  const { label, source, sourceTable, target, targetTable } = pair;
  const key = replicaKeyOf(sourceTable);
  // Nothing but inserts can arrive.
  if (key === 'none') return [];
  const sent = key === 'all columns' ? sourceTable.columns.map(({ name }) => name) : key;
  const covered = targetTable.keys.filter(({ columns }) => columns.every((c) => sent.includes(c)));
  const common = { code: 'REPLICA_IDENTITY', database: target.name, table: label } as const;
  const usable = covered.filter(({ immediate }) => immediate);
  if (usable.length === 0) {
    // A single writer's rows are found by all that they hold.
    if (key === 'all columns' && !severalWriters) return [];
    return [
      {
        ...common,
        severity: 'error',
        message: `${target.name}: ${label} ${missing(pair, key, covered)}: an UPDATE or DELETE of ${source.name} would not find its row`,
        hint: remedy(pair, key, covered),
      },
    ];
  }
  const chosen = usable.sort((a, b) => preference(b, sent) - preference(a, sent))[0];
  if (chosen === undefined || isUniqueOnSource(chosen, pair)) return [];
  const narrow = chosen.columns.join(', ');
  return [
    {
      ...common,
      severity: 'error',
      message: `${target.name}: ${label} is unique over (${narrow}) and on ${source.name} it is not: rows would overwrite each other`,
      hint: `make the keys of ${label} the same on both databases`,
    },
  ];
}

/** As when changes are applied: the very same columns first. */
function preference(key: CatalogKey, sent: readonly string[]): number {
  return (
    (key.columns.length === sent.length ? 4 : 0) +
    (key.replicaIdentity ? 2 : 0) +
    (key.primary ? 1 : 0)
  );
}

/** A unique index over some of the columns makes all of them together unique. */
function isUniqueOnSource(key: CatalogKey, { sourceTable }: TablePair): boolean {
  return sourceTable.keys.some(({ columns }) => columns.every((c) => key.columns.includes(c)));
}

function missing(
  { source }: TablePair,
  key: readonly string[] | 'all columns',
  covered: readonly CatalogKey[],
): string {
  if (covered[0]) return `has only a deferrable key (${covered[0].columns.join(', ')})`;
  if (key === 'all columns') return 'has no key';
  return `has no unique index over (${key.join(', ')}), the key on ${source.name}`;
}

function remedy(
  { targetTable }: TablePair,
  key: readonly string[] | 'all columns',
  covered: readonly CatalogKey[],
): string {
  const table = quoteTable(targetTable);
  const deferrable = covered[0];
  if (deferrable)
    return `alter table ${table} drop constraint ${quoteIdentifier(deferrable.indexName)}, add ${deferrable.primary ? 'primary key' : 'unique'} (${columnList(deferrable.columns)})`;
  if (key === 'all columns') return `alter table ${table} add primary key (…), on both databases`;
  if (!targetTable.keys.some(({ primary }) => primary))
    return `alter table ${table} add primary key (${columnList(key)})`;
  const notNull = key.map((name) => `alter column ${quoteIdentifier(name)} set not null`);
  return `alter table ${table} ${notNull.join(', ')}, add unique (${columnList(key)})`;
}
