import { describe, expect, test } from 'vitest';
import type { Change } from '../../../../src/model/change.ts';
import { ReplicatorError } from '../../../../src/model/errors.ts';
import type { Relation } from '../../../../src/model/relation.ts';
import { unchanged } from '../../../../src/model/tuple.ts';
import {
  type DecodedCalls,
  largestValueBytes,
  PgoutputDecoder,
} from '../../../../src/source/decode/pgoutput-decoder.ts';
import { relationOf } from '../../../support/model-values.ts';
import {
  encodeBegin,
  encodeCommit,
  encodeDelete,
  encodeInsert,
  encodeLogicalMessage,
  encodeOrigin,
  encodeRelation,
  encodeTruncate,
  encodeType,
  encodeUpdate,
} from '../../../support/pgoutput-encoder.ts';

const table = relationOf('t');

/** The calls that the messages lead to, each as [name, …arguments]. */
function decode(messages: Buffer[], relations: readonly Relation[] = [table]): unknown[][] {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    (...args: unknown[]) =>
      void calls.push([name, ...args]);
  const into: DecodedCalls = {
    begin: record('begin'),
    origin: record('origin'),
    relation: record('relation'),
    wants: (oid) => relations.find((relation) => relation.oid === oid),
    change: record('change'),
    truncate: record('truncate'),
    refuse: record('refuse'),
    commit: record('commit'),
  };
  const decoder = new PgoutputDecoder(into);
  for (const message of messages) decoder.decode(message);
  return calls;
}

function changeOf(message: Buffer, relation = table): Change {
  return decode([message], [relation])[0]?.[1] as Change;
}

test('a transaction, message by message', () => {
  const head = { xid: 4_294_967_295, commitTime: 9_007_199_254_740_993n, commitLsn: 2n ** 63n };
  const insert = encodeInsert(table.oid, ['1', null]);
  const messages = [
    encodeBegin(head),
    encodeOrigin('replicator_a__b'),
    encodeRelation(table),
    insert,
    encodeCommit(1n, 0x16_b374_d848n),
  ];
  expect(decode(messages)).toEqual([
    ['begin', head],
    ['origin', 'replicator_a__b'],
    ['relation', table],
    ['change', { kind: 'insert', relation: table, new: ['1', null] }, insert.length],
    ['commit', 0x16_b374_d848n],
  ]);
});

test('an OID above 2^31 is not negative', () => {
  const relation = { ...relationOf('t', ['id*']), oid: 4_026_531_841 };
  expect(decode([encodeRelation(relation)])).toEqual([['relation', relation]]);
  expect(changeOf(encodeInsert(relation.oid, ['1']), relation)).toMatchObject({ kind: 'insert' });
});

test('pg_catalog is sent as an empty schema', () => {
  const relation = { ...table, schema: 'pg_catalog' };
  expect(decode([encodeRelation(relation)])).toEqual([['relation', relation]]);
});

test('a large value that was not touched is neither null nor text', () => {
  expect(changeOf(encodeUpdate(table.oid, undefined, ['1', unchanged]))).toMatchObject({
    new: ['1', unchanged],
  });
});

test('the old row of an update is there only when it was sent', () => {
  expect(changeOf(encodeUpdate(table.oid, undefined, ['1', 'b']))).toMatchObject({
    old: undefined,
  });
  expect(changeOf(encodeUpdate(table.oid, ['0', null], ['1', 'b']))).toMatchObject({
    old: ['0', null],
    new: ['1', 'b'],
  });
  expect(changeOf(encodeDelete(table.oid, ['0', 'x'], 'O'))).toEqual({
    kind: 'delete',
    relation: table,
    old: ['0', 'x'],
  });
});

test('values are text to the last byte', () => {
  const odd = ['\uFEFFbom', '', ' ', '😀', 'a\u0301', '\u{10FFFF}', 'x'.repeat(70_000)];
  const relation = relationOf(
    't',
    odd.map((_, i) => `c${i}`),
  );
  expect(changeOf(encodeInsert(relation.oid, odd), relation)).toMatchObject({ new: odd });
});

test.each([
  ['ASCII', 'abcdefgh'.repeat(200_000)],
  ['not ASCII, with a BOM', `\uFEFF${'é😀\u{10FFFF}x'.repeat(200_000)}`],
])('values of more than a megabyte too: %s', (_, text) => {
  const change = changeOf(encodeInsert(table.oid, ['1', text]));
  expect(change.kind === 'insert' && change.new.at(1) === text).toBe(true);
});

test('what was decoded does not change when the driver uses its buffer again', () => {
  const message = encodeInsert(table.oid, ['1', 'A'.repeat(60_000)]);
  const change = changeOf(message);
  message.fill('B');
  expect(change).toMatchObject({ new: ['1', 'A'.repeat(60_000)] });
});

test('TRUNCATE names the wanted tables only, with its options', () => {
  const message = encodeTruncate([1, table.oid], { cascade: true, restartIdentity: true });
  expect(decode([message])).toEqual([
    ['truncate', { kind: 'truncate', relations: [table], cascade: true, restartIdentity: true }],
  ]);
  expect(decode([encodeTruncate([1, 2])])).toEqual([]);
});

test('type names, logical messages and unwanted changes pass', () => {
  const messages = [
    encodeType(16_400, 'public', 'mood'),
    encodeLogicalMessage('prefix', Buffer.from('content')),
    encodeInsert(1, ['not wanted']),
  ];
  expect(decode(messages)).toEqual([]);
});

describe('refused as PROTOCOL', () => {
  const relationMessage = encodeRelation(table);
  const identityAt = relationMessage.indexOf('d', 5 + 'public\0t\0'.length);
  const insert = encodeInsert(table.oid, ['1', 'x']);
  test.each<[string, Buffer]>([
    ['nothing at all', Buffer.alloc(0)],
    ...[...'SEcAbPKrpsfz?'].map((tag) => [`tag ${tag}`, Buffer.from(tag)] as [string, Buffer]),
    ['an unknown replica identity', withByte(relationMessage, identityAt, 'x')],
    ['an unknown value format', withByte(insert, 8, 'b')],
    ['an unknown kind of tuple', withByte(insert, 5, 'X')],
    ['a negative length', withByte(insert, 9, '\xff')],
    ['fewer values than columns', encodeInsert(table.oid, ['1'])],
    ['more values than columns', encodeInsert(table.oid, ['1', '2', '3'])],
    ['a delete with a new row', Buffer.concat([Buffer.from('D'), insert.subarray(1)])],
    ['a name without an end', encodeOrigin('abc').subarray(0, -1)],
  ])('%s', (_, message) => {
    expect(() => decode([message])).toThrow(ReplicatorError);
    expect(() => decode([message])).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

test('a value over the limit is refused with its table and column, before it is copied', () => {
  const message = encodeInsert(table.oid, ['1', 'x']);
  message.writeInt32BE(largestValueBytes + 1, 15);
  // Of those alone that want the table: the stream goes on for others.
  expect(decode([message])).toEqual([
    [
      'refuse',
      table,
      expect.objectContaining({
        code: 'VALUE_TOO_LARGE',
        message: 'public.t, column v: a value of 100 MB',
      }),
    ],
  ]);
});

function withByte(message: Buffer, at: number, letter: string): Buffer {
  const changed = Buffer.from(message);
  changed.write(letter, at, 'latin1');
  return changed;
}
