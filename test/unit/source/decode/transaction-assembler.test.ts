import { expect, test } from 'vitest';
import type { InsertChange } from '../../../../src/model/change.ts';
import { ReplicatorError } from '../../../../src/model/errors.ts';
import type { TableName } from '../../../../src/model/relation.ts';
import type { TransactionPart } from '../../../../src/model/transaction.ts';
import { Tuple } from '../../../../src/model/tuple.ts';
import { TransactionAssembler } from '../../../../src/source/decode/transaction-assembler.ts';
import { headOf, relationOf } from '../../../support/model-values.ts';

const table = relationOf('t');
const unwanted = relationOf('unwanted', ['id*'], 16_390);
const tooLarge = new ReplicatorError('VALUE_TOO_LARGE', 'too large');
const marker = { ...relationOf('marker', ['only_row*'], 16_391), schema: 'replicator' };

function assemble(options: { partBytes?: number; partChanges?: number } = {}) {
  const out: (TransactionPart | bigint)[] = [];
  const asked: string[] = [];
  const refused: bigint[] = [];
  const assembler = new TransactionAssembler({
    partBytes: options.partBytes ?? 1e9,
    partChanges: options.partChanges ?? 1e9,
    wants: ({ name }: TableName) => {
      asked.push(name);
      return name === 't';
    },
    onPart: (part) => out.push(part),
    onRefused: (_relation, commitLsn) => refused.push(commitLsn),
    onPassed: (lsn) => out.push(lsn),
  });
  for (const relation of [table, unwanted, marker]) assembler.relation(relation);
  /** As the decoder does: tuples are read only when the change is wanted. */
  const insert = (id: string, oid = table.oid) => {
    const relation = assembler.wants(oid);
    if (relation !== undefined) assembler.change(insertOf(id), 10);
  };
  return { assembler, insert, out, asked, refused };
}

function insertOf(id: string): InsertChange {
  return { kind: 'insert', relation: table, new: Tuple.of([id, null]) };
}

test('a transaction is one part, whole', () => {
  const { assembler, insert, out } = assemble();
  assembler.begin(headOf(100n));
  insert('1');
  insert('2');
  expect(assembler.insideTransaction).toBe(true);
  expect(out).toEqual([]);
  assembler.commit(110n);
  expect(assembler.insideTransaction).toBe(false);
  expect(out).toEqual([
    {
      transaction: headOf(100n),
      first: true,
      changes: [insertOf('1'), insertOf('2')],
      bytes: expect.any(Number),
      endLsn: 110n,
      marked: false,
    },
  ]);
});

test.each([
  ['changes', { partChanges: 2 }],
  ['bytes', { partBytes: 500 }],
])('one that is larger than so many %s leaves in parts, in order', (_, limits) => {
  const { assembler, insert, out } = assemble(limits);
  assembler.begin(headOf(100n));
  const ids = ['1', '2', '3', '4', '5'];
  for (const id of ids) insert(id);
  // before its end: memory stays bounded
  expect(out).toHaveLength(2);
  assembler.commit(110n);
  const parts = out as TransactionPart[];
  expect(parts.map(({ first, endLsn, changes }) => [first, endLsn, changes.length])).toEqual([
    [true, undefined, 2],
    [false, undefined, 2],
    [false, 110n, 1],
  ]);
  expect(parts.flatMap(({ changes }) => changes)).toEqual(ids.map(insertOf));
});

test.each([
  ['changes', { partChanges: 2 }],
  ['bytes', { partBytes: 500 }],
])('one that just fits by its %s is whole', (_, limits) => {
  const { assembler, insert, out } = assemble(limits);
  assembler.begin(headOf(100n));
  for (const id of ['1', '2']) insert(id);
  assembler.commit(110n);
  expect(out).toMatchObject([{ first: true, endLsn: 110n, changes: [{}, {}] }]);
});

test('what was replicated here from elsewhere is dropped, and so is all of it', () => {
  const { assembler, insert, out } = assemble({ partChanges: 1 });
  assembler.begin(headOf(100n));
  assembler.origin('replicator_b__a');
  insert('1');
  assembler.commit(110n);
  assembler.begin(headOf(120n));
  insert('2');
  assembler.commit(130n);
  expect(out[0]).toBe(110n);
  expect((out[1] as TransactionPart).changes).toEqual([insertOf('2')]);
});

test.each(['empty', 'unwanted'])('of a transaction that is %s only its end is told', (kind) => {
  const { assembler, insert, out } = assemble();
  assembler.begin(headOf(100n));
  if (kind === 'unwanted') insert('1', unwanted.oid);
  assembler.commit(110n);
  expect(out).toEqual([110n]);
});

test('the last commit time is of what was first committed here: others bring one from elsewhere', () => {
  const { assembler } = assemble();
  const seen: bigint[] = [];
  assembler.begin({ ...headOf(100n), commitTime: 7n });
  seen.push(assembler.commitTime);
  assembler.commit(110n);
  assembler.begin({ ...headOf(120n), commitTime: 3n });
  assembler.origin('elsewhere');
  seen.push(assembler.commitTime);
  assembler.commit(130n);
  seen.push(assembler.commitTime);
  assembler.begin({ ...headOf(140n), commitTime: 9n });
  seen.push(assembler.commitTime);
  expect(seen).toEqual([7n, 7n, 7n, 9n]);
});

test('a transaction that touched the marker says so, and carries nothing of it', () => {
  const { assembler, insert, out } = assemble();
  assembler.begin(headOf(100n));
  insert('x', marker.oid);
  assembler.commit(110n);
  assembler.begin(headOf(120n));
  insert('1');
  assembler.commit(130n);
  expect(out).toMatchObject([
    { marked: true, changes: [], first: true, endLsn: 110n },
    { marked: false, changes: [insertOf('1')] },
  ]);
});

test('a marker that was replicated marks nothing', () => {
  const { assembler, insert, out } = assemble();
  assembler.begin(headOf(100n));
  assembler.origin('replicator_b__a');
  insert('x', marker.oid);
  assembler.commit(110n);
  expect(out).toEqual([110n]);
});

test('a relation that is only repeated stays the same object, a changed one does not', () => {
  const { assembler, asked } = assemble();
  assembler.relation(structuredClone(table));
  expect(assembler.wants(table.oid)).toBe(table);
  expect(asked.filter((name) => name === 't')).toHaveLength(1);
  const changed = relationOf('t', ['id*', 'v', 'added']);
  assembler.relation(changed);
  expect(assembler.wants(table.oid)).toBe(changed);
});

test('a change is refused with the position that its parts go by', () => {
  const { assembler, insert, out, refused } = assemble({ partChanges: 1 });
  assembler.begin(headOf(100n));
  for (const id of ['1', '2']) insert(id);
  assembler.refuse(table, tooLarge);
  insert('3');
  assembler.commit(110n);
  expect(refused).toEqual([100n]);
  expect(out).toMatchObject([1, 2, 3].map(() => ({ transaction: { commitLsn: 100n } })));
});

test.each<[string, (assembler: TransactionAssembler) => void]>([
  [
    'a second BEGIN',
    (assembler) => {
      assembler.begin(headOf(1n));
      assembler.begin(headOf(2n));
    },
  ],
  ['a change outside of any transaction', (assembler) => assembler.change(insertOf('1'), 1)],
  ['a refusal outside of any transaction', (assembler) => assembler.refuse(table, tooLarge)],
  ['a relation that was never described', (assembler) => void assembler.wants(99)],
])('refused: %s', (_, call) => {
  expect(() => call(assemble().assembler)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
});
