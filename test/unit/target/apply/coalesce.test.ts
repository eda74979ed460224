import { expect, test } from 'vitest';
import type { RowChange } from '../../../../src/model/change.ts';
import { Tuple, unchanged, type Value } from '../../../../src/model/tuple.ts';
import { coalesce, type TableChanges } from '../../../../src/target/apply/coalesce.ts';
import type { SingleRow, Step } from '../../../../src/target/apply/step.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';

const relation = relationOf('t', ['id*', 'a', 'b']);
const table = targetTableOf(relation);
const inFull = { inFull: true };

function insert(...row: Value[]): RowChange {
  return { kind: 'insert', relation, new: Tuple.of(row) };
}

function update(...row: Value[]): RowChange {
  return { kind: 'update', relation, old: undefined, new: Tuple.of(row) };
}

function rekey(from: string, ...row: Value[]): RowChange {
  return { kind: 'update', relation, old: Tuple.of([from, null, null]), new: Tuple.of(row) };
}

function remove(id: string): RowChange {
  return { kind: 'delete', relation, old: Tuple.of([id, null, null]) };
}

/** The n-th change was committed at time n, from 1. */
function timed(changes: RowChange[]): TableChanges {
  return { changes, times: changes.map((_, i) => BigInt(i + 1)) };
}

const gone = (time: bigint, ...key: string[]) => ({ key, time });
const write = (time: bigint, key: string, ...row: Value[]) => ({
  key: [key],
  row: Tuple.of(row),
  time,
});

function step(rest: Partial<Step>): Step {
  return { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts: [], ...rest };
}

test.each<[string, RowChange[], Step[]]>([
  ['nothing', [], []],
  [
    'an insert and its updates are one insert',
    [insert('1', 'a', 'b'), update('1', 'c', unchanged)],
    [step({ inserts: [write(2n, '1', '1', 'c', 'b')] })],
  ],
  [
    'updates are one update, which keeps what the later did not send',
    [update('1', 'a', 'b'), update('1', 'c', unchanged)],
    [step({ updates: [write(2n, '1', '1', 'c', 'b')] })],
  ],
  [
    'what none of them sent stays out',
    [update('1', 'a', unchanged), update('1', 'c', unchanged)],
    [step({ updates: [write(2n, '1', '1', 'c', unchanged)] })],
  ],
  [
    'a row that came and went is removed if it is there, and not missed',
    [insert('1', 'a', 'b'), remove('1')],
    [step({ deletes: [gone(2n, '1')] })],
  ],
  [
    'a row that went and came is removed and inserted, which undoes every column',
    [remove('1'), insert('1', 'a', 'b')],
    [
      step({
        deletes: [gone(1n, '1')],
        expectedDeletes: 1,
        inserts: [write(2n, '1', '1', 'a', 'b')],
      }),
    ],
  ],
  [
    'a changed key is found by the old one',
    [rekey('1', '2', 'a', unchanged)],
    [step({ rekeys: [write(1n, '1', '2', 'a', unchanged)] })],
  ],
  [
    'keys that are swapped by way of a third go one after the other',
    [rekey('1', '9', 'a', 'b'), rekey('2', '1', 'c', 'd'), rekey('9', '2', 'a', 'b')],
    [
      step({ rekeys: [write(1n, '1', '9', 'a', 'b')] }),
      step({ rekeys: [write(2n, '2', '1', 'c', 'd')] }),
      step({ rekeys: [write(3n, '9', '2', 'a', 'b')] }),
    ],
  ],
  [
    'a key that becomes free is taken only after that',
    [remove('2'), rekey('1', '2', 'a', 'b')],
    [
      step({ deletes: [gone(1n, '2')], expectedDeletes: 1 }),
      step({ rekeys: [write(2n, '1', '2', 'a', 'b')] }),
    ],
  ],
])('%s', (_, changes, steps) => {
  expect(coalesce(table, timed(changes), inFull)).toEqual(steps);
});

test('a table without a key takes inserts, every one of them', () => {
  const keyless = targetTableOf(relationOf('t', ['id', 'a', 'b']));
  const twice = [insert('1', 'a', 'b'), insert('1', 'a', 'b')];
  expect(coalesce(keyless, timed(twice), inFull)).toEqual([
    step({
      inserts: [
        { key: [], row: Tuple.of(['1', 'a', 'b']), time: 1n },
        { key: [], row: Tuple.of(['1', 'a', 'b']), time: 2n },
      ],
    }),
  ]);
  for (const change of [update('1', 'a', 'b'), remove('1')])
    expect(() => coalesce(keyless, timed([change]), inFull)).toThrow(
      expect.objectContaining({ code: 'REPLICA_IDENTITY' }),
    );
});

const contested = {
  ...table,
  contested: { sync: 's', log: 'keys', windowMs: 0, pauses: false },
} as const;

test('where several databases write, what was not sent is known from its own transaction only', () => {
  const changes = [insert('1', 'a', 'b'), update('1', 'c', unchanged)];
  const first = { kind: 'insert', ...write(1n, '1', '1', 'a', 'b') } as const;
  const incomplete = step({
    inserts: [{ ...write(2n, '1', '1', 'c', unchanged), first: 1n, earlier: [first] }],
  });
  const whole = step({ inserts: [write(5n, '1', '1', 'c', 'b')] });
  expect(coalesce(contested, { changes, times: [1n, 2n] }, inFull)).toEqual([incomplete]);
  expect(coalesce(contested, { changes, times: [5n, 5n] }, inFull)).toEqual([whole]);
  expect(coalesce(table, { changes, times: [1n, 5n] }, inFull)).toEqual([whole]);
});

test('where several databases write, what earlier transactions made of a row is kept to be judged', () => {
  const changes = [
    insert('1', 'a', 'b'),
    update('1', 'c', 'd'),
    update('1', 'e', 'f'),
    remove('1'),
    insert('1', 'g', 'h'),
    remove('1'),
    insert('1', 'i', 'j'),
    update('1', 'k', 'l'),
  ];
  const inserted = (time: bigint, ...row: Value[]): SingleRow => ({
    kind: 'insert',
    ...write(time, '1', ...row),
  });
  const earlier: SingleRow[] = [
    inserted(1n, '1', 'a', 'b'),
    inserted(3n, '1', 'e', 'f'),
    { kind: 'delete', ...gone(4n, '1') },
    inserted(5n, '1', 'g', 'h'),
  ];
  expect(coalesce(contested, { changes, times: [1n, 3n, 3n, 4n, 5n, 6n, 6n, 7n] }, inFull)).toEqual(
    [
      step({
        deletes: [{ ...gone(6n, '1'), first: 1n, earlier }],
        inserts: [
          {
            ...write(7n, '1', '1', 'k', 'l'),
            first: 6n,
            earlier: [inserted(6n, '1', 'i', 'j')],
          },
        ],
      }),
    ],
  );
  expect(
    coalesce(contested, { changes, times: [1n, 3n, 3n, 4n, 5n, 6n, 6n, 7n] }, { inFull: false }),
  ).toEqual([
    step({
      deletes: [{ ...gone(6n, '1'), first: 1n }],
      inserts: [{ ...write(7n, '1', '1', 'k', 'l'), first: 6n }],
    }),
  ]);
  for (const { deletes, inserts } of coalesce(table, timed(changes), inFull))
    for (const { first, earlier } of [...deletes, ...inserts])
      expect([first, earlier]).toEqual([undefined, undefined]);
});

test('a clock that goes back: the least time is the first', () => {
  const changes = [insert('1', 'a', 'b'), update('1', 'c', 'd'), update('1', 'e', 'f')];
  const updated = coalesce(contested, { changes, times: [5n, 2n, 7n] }, { inFull: false });
  expect(updated).toEqual([step({ inserts: [{ ...write(7n, '1', '1', 'e', 'f'), first: 2n }] })]);
  const removed = [insert('1', 'a', 'b'), remove('1'), insert('1', 'c', 'd'), remove('1')];
  expect(coalesce(contested, { changes: removed, times: [5n, 6n, 2n, 7n] }, inFull)).toMatchObject([
    { deletes: [{ ...gone(7n, '1'), first: 2n }] },
  ]);
});

test('inserts alone go as they came, unless every row is needed with its key', () => {
  const changes = timed([insert('1', 'a', 'b'), insert('2', 'c', 'd')]);
  const asTheyCame = [
    { key: [], row: Tuple.of(['1', 'a', 'b']), time: 1n },
    { key: [], row: Tuple.of(['2', 'c', 'd']), time: 2n },
  ];
  const withKeys = [write(1n, '1', '1', 'a', 'b'), write(2n, '2', '2', 'c', 'd')];
  const claiming = { ...contested, uniques: [{}] as unknown as typeof contested.uniques };
  for (const each of [table, contested]) {
    const atOnce = coalesce(each, changes, { inFull: false });
    expect(atOnce).toEqual([step({ inserts: asTheyCame })]);
    expect(coalesce(each, changes, inFull)).toEqual([step({ inserts: withKeys })]);
  }
  expect(coalesce(claiming, changes, { inFull: false })).toEqual([step({ inserts: withKeys })]);
});

test('where several databases write, a changed key is a delete and an insert', () => {
  const changes = [rekey('1', '9', 'a', unchanged), rekey('2', '1', 'c', 'd')];
  expect(coalesce(contested, timed(changes), inFull)).toEqual([
    step({
      deletes: [gone(1n, '1'), gone(2n, '2')],
      expectedDeletes: 2,
      inserts: [write(2n, '1', '1', 'c', 'd'), write(1n, '9', '9', 'a', unchanged)],
    }),
  ]);
});

test('a large value that REPLICA IDENTITY FULL sent with the old row is taken from there', () => {
  const full = { ...relation, replicaIdentity: 'full' as const };
  const change: RowChange = {
    kind: 'update',
    relation: full,
    old: Tuple.of(['1', 'a', 'large']),
    new: Tuple.of(['1', 'c', unchanged]),
  };
  expect(coalesce(table, timed([change]), inFull)).toEqual([
    step({ updates: [write(1n, '1', '1', 'c', 'large')] }),
  ]);
});

test('an old row without its key is refused: it would name no row', () => {
  const keyless: RowChange[] = [
    { kind: 'delete', relation, old: Tuple.of([null, 'a', null]) },
    { kind: 'update', relation, old: Tuple.of([null, 'a', null]), new: Tuple.of(['1', 'b', 'c']) },
  ];
  for (const change of keyless)
    expect(() => coalesce(table, timed([change]), inFull)).toThrow('came without its key');
});
