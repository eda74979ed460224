import { expect, test } from 'vitest';
import type { RowChange } from '../../../../src/model/change.ts';
import { type Tuple, unchanged } from '../../../../src/model/tuple.ts';
import { coalesce, type Step } from '../../../../src/target/apply/coalesce.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';

const relation = relationOf('t', ['id*', 'a', 'b']);
const table = targetTableOf(relation);

function insert(...row: Tuple): RowChange {
  return { kind: 'insert', relation, new: row };
}

function update(...row: Tuple): RowChange {
  return { kind: 'update', relation, old: undefined, new: row };
}

function rekey(from: string, ...row: Tuple): RowChange {
  return { kind: 'update', relation, old: [from, null, null], new: row };
}

function remove(id: string): RowChange {
  return { kind: 'delete', relation, old: [id, null, null] };
}

function step(rest: Partial<Step>): Step {
  return { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts: [], ...rest };
}

test.each<[string, RowChange[], Step[]]>([
  ['nothing', [], []],
  [
    'an insert and its updates are one insert',
    [insert('1', 'a', 'b'), update('1', 'c', unchanged)],
    [step({ inserts: [['1', 'c', 'b']] })],
  ],
  [
    'updates are one update, which keeps what the later did not send',
    [update('1', 'a', 'b'), update('1', 'c', unchanged)],
    [step({ updates: [{ key: ['1'], row: ['1', 'c', 'b'] }] })],
  ],
  [
    'what none of them sent stays out',
    [update('1', 'a', unchanged), update('1', 'c', unchanged)],
    [step({ updates: [{ key: ['1'], row: ['1', 'c', unchanged] }] })],
  ],
  [
    'a row that came and went is removed if it is there, and not missed',
    [insert('1', 'a', 'b'), remove('1')],
    [step({ deletes: [['1']] })],
  ],
  [
    'a row that went and came is removed and inserted, which undoes every column',
    [remove('1'), insert('1', 'a', 'b')],
    [step({ deletes: [['1']], expectedDeletes: 1, inserts: [['1', 'a', 'b']] })],
  ],
  [
    'a changed key is found by the old one',
    [rekey('1', '2', 'a', unchanged)],
    [step({ rekeys: [{ key: ['1'], row: ['2', 'a', unchanged] }] })],
  ],
  [
    'keys that are swapped by way of a third go one after the other',
    [rekey('1', '9', 'a', 'b'), rekey('2', '1', 'c', 'd'), rekey('9', '2', 'a', 'b')],
    [
      step({ rekeys: [{ key: ['1'], row: ['9', 'a', 'b'] }] }),
      step({ rekeys: [{ key: ['2'], row: ['1', 'c', 'd'] }] }),
      step({ rekeys: [{ key: ['9'], row: ['2', 'a', 'b'] }] }),
    ],
  ],
  [
    'a key that becomes free is taken only after that',
    [remove('2'), rekey('1', '2', 'a', 'b')],
    [
      step({ deletes: [['2']], expectedDeletes: 1 }),
      step({ rekeys: [{ key: ['1'], row: ['2', 'a', 'b'] }] }),
    ],
  ],
])('%s', (_, changes, steps) => {
  expect(coalesce(table, changes)).toEqual(steps);
});

test('a table without a key takes inserts, every one of them', () => {
  const keyless = targetTableOf(relationOf('t', ['id', 'a', 'b']));
  const twice = [insert('1', 'a', 'b'), insert('1', 'a', 'b')];
  expect(coalesce(keyless, twice)).toEqual([
    step({
      inserts: [
        ['1', 'a', 'b'],
        ['1', 'a', 'b'],
      ],
    }),
  ]);
  for (const change of [update('1', 'a', 'b'), remove('1')])
    expect(() => coalesce(keyless, [change])).toThrow(
      expect.objectContaining({ code: 'REPLICA_IDENTITY' }),
    );
});
