import { expect, test } from 'vitest';
import { Tuple, unchanged, type Value } from '../../../../src/model/tuple.ts';
import {
  deleteRows,
  insertRows,
  updateRows,
  upsertRows,
} from '../../../../src/target/apply/row-statements.ts';
import type { KeyColumn, TargetTable } from '../../../../src/target/apply/target-table.ts';

const columns: KeyColumn[] = ['id', 'v', 'w', 'n'].map((name, index) => ({
  index,
  name,
  quoted: `"${name}"`,
  castType: 'text',
  identityAlways: name === 'n',
  equals: 'operator(pg_catalog.=)',
  hash: null,
  collation: null,
}));
const key = columns.slice(0, 1);
const tables = ['t', 'u'].map(
  (quoted) =>
    ({ quoted, label: quoted, oid: '1', shape: 'hash', columns, key }) as unknown as TargetTable,
);

const sent: Value[][] = [
  ['1', 'v', 'w', 'n'],
  ['1', unchanged, 'w', 'n'],
  ['1', 'v', unchanged, 'n'],
];
const rows = sent.map((values) => ({ key: ['1'], row: Tuple.of(values), time: 0n }));

function everyStatement(): (string | undefined)[] {
  const either = [true, false];
  return tables.flatMap((table) => [
    insertRows(table, rows.slice(0, 1)).text,
    upsertRows(table, key, rows.slice(0, 1)).text,
    deleteRows(table, key, rows.slice(0, 1)).text,
    ...rows.flatMap((row) =>
      either.flatMap((rekey) =>
        either.flatMap((expectAll) =>
          either.map(
            (anyIdentity) => updateRows(table, key, [row], { rekey, expectAll, anyIdentity })?.text,
          ),
        ),
      ),
    ),
  ]);
}

test('each table, columns that are sent and way to write them has a text of its own, always the same', () => {
  const texts = everyStatement();
  expect(new Set(texts).size).toBe(2 * (3 + 3 * 8));
  expect(everyStatement()).toEqual(texts);
});

test('each raises when the table is not as it was described', () => {
  for (const text of everyStatement())
    expect(text).toContain('where replicator.is_as_described(1,');
});
