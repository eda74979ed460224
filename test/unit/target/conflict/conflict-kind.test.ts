import { expect, test } from 'vitest';
import { Tuple, unchanged } from '../../../../src/model/tuple.ts';
import type { Version } from '../../../../src/model/version.ts';
import type { Contested, TargetTable } from '../../../../src/target/apply/target-table.ts';
import { conflictOf, isWorthTelling } from '../../../../src/target/conflict/conflict-kind.ts';
import { type Present, resolve } from '../../../../src/target/conflict/resolve.ts';

const columns = ['id', 'v'].map((name, index) => ({
  index,
  name,
  quoted: `"${name}"`,
  castType: 'text',
  identityAlways: false,
}));

const contested: Contested = { sync: 's', log: 'keys', windowMs: 1_000, pauses: false };

const table = {
  relation: { schema: 'public', name: 't' },
  columns,
  contested,
} as unknown as TargetTable;

const second = 1_000_000n;
const here = (time: bigint): Version => ({ time, rank: 2 });

function met(
  kind: 'insert' | 'update' | 'delete',
  present: Partial<Present>,
  rows: { row?: Tuple; sent?: Tuple; presentRow?: readonly string[]; pauses?: boolean } = {},
) {
  const version: Version = { time: 10n * second, rank: 1 };
  const key = ['1'];
  const { row = Tuple.of(['1', 'there']), sent } = rows;
  const incoming = { key, row, ...(sent && { sent }), time: version.time, kind };
  const found: Present = { row: undefined, tombstone: undefined, ...present };
  return conflictOf({
    table: rows.pauses ? { ...table, contested: { ...contested, pauses: true } } : table,
    key: columns.slice(0, 1),
    incoming,
    version,
    present: found,
    presentRow: found.row === undefined ? undefined : (rows.presentRow ?? ['1', 'here']),
    resolution: resolve({ kind: kind === 'delete' ? 'delete' : 'write', version }, found),
  } as unknown as Parameters<typeof conflictOf>[0]);
}

test.each([
  ['insert_exists', 'insert', { row: here(9n * second) }, 'apply_remote', 'newer', true],
  ['update_origin_differs', 'update', { row: here(11n * second) }, 'keep_local', 'newer', true],
  ['update_origin_differs', 'update', { row: here(10n * second) }, 'keep_local', 'rank', true],
  ['update_origin_differs', 'update', { row: here(8n * second) }, 'apply_remote', 'newer', false],
  ['delete_origin_differs', 'delete', { row: here(11n * second) }, 'keep_local', 'newer', true],
  ['update_missing', 'update', {}, 'apply_remote', 'missing', false],
  ['update_deleted', 'update', { tombstone: here(11n * second) }, 'keep_local', 'tombstone', true],
  [
    'update_deleted',
    'insert',
    { tombstone: here(1n * second) },
    'apply_remote',
    'tombstone',
    false,
  ],
  ['delete_missing', 'delete', { tombstone: here(11n * second) }, 'skip', 'tombstone', false],
  ['delete_missing', 'delete', {}, 'skip', 'missing', false],
] as const)('%s by %s of %o', (kind, change, present, resolution, rule, told) => {
  const conflict = met(change, present);
  expect(conflict).toMatchObject({ kind, resolution, rule, sync: 's', key: { id: '1' } });
  expect(conflict && isWorthTelling(conflict, 1_000)).toBe(told);
});

test('is none with the row of the same source, nor where nothing is there', () => {
  expect(met('update', { row: { time: 11n * second, rank: 1 } })).toBeUndefined();
  expect(met('update', { row: 'own batch' })).toBeUndefined();
  expect(met('insert', {})).toBeUndefined();
});

test('a row that was completed counts, and is told, as it was sent', () => {
  const row = Tuple.of(['1', 'here']);
  const lost = met('update', { row: here(11n * second) }, { row, sent: Tuple.of(['1', 'lost']) });
  expect(lost?.kind).toBe('update_origin_differs');
  expect(lost?.remote.row()).toEqual({ id: '1', v: 'lost' });
  const sent = Tuple.of(['1', unchanged]);
  expect(met('update', { row: here(11n * second) }, { row, sent })).toBeUndefined();
});

test('is none between two that wrote the same row, however large', () => {
  const large = 'x'.repeat(2_000_000);
  const row = Tuple.of(['1', large]);
  const near = { row: here(10n * second) };
  expect(met('update', near, { row, presentRow: ['1', large] })).toBeUndefined();
  expect(met('update', near, { row, presentRow: ['1', `${large}y`] })).toBeDefined();
});

test('what a person is to decide on is whole', () => {
  const large = 'x'.repeat(2_000_000);
  const row = Tuple.of(['1', large]);
  const near = { row: here(10n * second) };
  expect(met('update', near, { row })?.remote.row()).toEqual({ id: '1' });
  expect(met('update', near, { row, pauses: true })?.remote.row()).toEqual({ id: '1', v: large });
});
