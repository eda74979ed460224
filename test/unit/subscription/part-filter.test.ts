import { expect, test } from 'vitest';
import type { TruncateRule } from '../../../src/config/config.ts';
import type { Change, TruncateChange } from '../../../src/model/change.ts';
import type { Relation } from '../../../src/model/relation.ts';
import { Tuple } from '../../../src/model/tuple.ts';
import { TupleStore } from '../../../src/model/tuple-store.ts';
import { PartFilter } from '../../../src/subscription/part-filter.ts';
import { relationOf, transactionOf } from '../../support/model-values.ts';

const early = relationOf('early', ['id*'], 1);
const late = relationOf('Late', ['id*'], 2);
const other = relationOf('other', ['id*'], 3);

function filterOf(truncate: TruncateRule = 'replicate'): PartFilter {
  return new PartFilter(
    new Map([
      ['public.early', { copiedAt: 100n, truncate: 'replicate' }],
      ['public."Late"', { copiedAt: 500n, truncate }],
    ]),
  );
}

function insert(relation: Relation): Change {
  return { kind: 'insert', relation, new: Tuple.of(['1']) };
}

function truncate(...relations: Relation[]): TruncateChange {
  return { kind: 'truncate', relations, cascade: true, restartIdentity: true };
}

test('it wants the tables of the subscription', () => {
  const filter = filterOf();
  expect([early, late, other].map((table) => filter.wants(table))).toEqual([true, true, false]);
});

test('where tables are not listed it asks of each relation once, when that comes', () => {
  const asked: string[] = [];
  const filter = new PartFilter(({ name }) => {
    asked.push(name);
    return name === 'other' ? undefined : { copiedAt: 0n, truncate: 'ignore' };
  });
  const part = transactionOf(100n, [insert(late), insert(other), insert(late), truncate(late)]);
  expect(filter.changesOf(part)).toEqual([insert(late), insert(late)]);
  expect(asked).toEqual(['Late', 'other']);
  expect(filter.memberships).toEqual(new Map());
});

test.each([
  [99n, []],
  [100n, ['early']],
  [499n, ['early']],
  // the copy shows what was committed before it: a commit that begins there is not in it
  [500n, ['early', 'Late']],
])('of a commit at %i it lets through the tables that were copied before', (lsn, names) => {
  const part = transactionOf(lsn, [early, late, other].map(insert));
  const kept = filterOf().changesOf(part) as readonly { relation: Relation }[];
  expect(kept.map(({ relation }) => relation.name)).toEqual(names);
});

test('it takes what it lets through, and wants a table also before that', () => {
  const filter = filterOf();
  const taken = (lsn: bigint) => [early, late, other].map((table) => filter.takes(table, lsn));
  expect(taken(499n)).toEqual([true, false, false]);
  expect(taken(500n)).toEqual([true, true, false]);
});

test('when all belongs to it the list is not copied', () => {
  const part = transactionOf(500n, [insert(early), insert(late)]);
  expect(filterOf().changesOf(part)).toBe(part.changes);
});

test('what it keeps does not keep in memory what it leaves', () => {
  const store = new TupleStore();
  const next = () => store.keep(Tuple.of(['1']));
  const kept: Change[] = [
    { kind: 'insert', relation: early, new: next() },
    { kind: 'update', relation: early, old: next(), new: next() },
    { kind: 'delete', relation: early, old: next() },
  ];
  const left: Change = { kind: 'insert', relation: other, new: next() };
  const blockOf = (change: Change | undefined) =>
    change?.kind === 'insert' ? change.new.bytes : undefined;
  const filter = filterOf();
  const first = filter.changesOf(transactionOf(500n, [...kept, left]));
  expect(first).toEqual(kept);
  expect(blockOf(first[0])).not.toBe(blockOf(left));
  const later = filter.changesOf(transactionOf(510n, kept));
  expect(later).toEqual(kept);
  expect(blockOf(later[0])).not.toBe(blockOf(left));
});

test.each<[TruncateRule, bigint, string[]]>([
  ['replicate', 500n, ['early', 'Late']],
  ['ignore', 500n, ['early']],
  ['refuse', 499n, ['early']],
])('TRUNCATE with %s at %i', (rule, lsn, names) => {
  const [kept] = filterOf(rule).changesOf(transactionOf(lsn, [truncate(early, late, other)]));
  expect(kept).toMatchObject({ kind: 'truncate', cascade: true, restartIdentity: true });
  expect((kept as TruncateChange).relations.map(({ name }) => name)).toEqual(names);
});

test('TRUNCATE of nothing that is ours is nothing', () => {
  expect(filterOf('ignore').changesOf(transactionOf(500n, [truncate(late, other)]))).toEqual([]);
});

test('TRUNCATE that the sync refuses stops the subscription', () => {
  expect(() => filterOf('refuse').changesOf(transactionOf(500n, [truncate(late)]))).toThrow(
    expect.objectContaining({ code: 'TRUNCATE_REFUSED' }),
  );
});
