// The law of batching: a table that is given the folded steps ends as one that is given the changes
// one by one, and every row is found where the steps expect it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RowChange } from '../../src/model/change.ts';
import { Tuple, unchanged, type Value } from '../../src/model/tuple.ts';
import { coalesce } from '../../src/target/apply/coalesce.ts';
import { earliestTime } from '../../src/target/apply/step.ts';
import { relationOf, targetTableOf } from '../support/model-values.ts';

type Rows = Map<string, (string | null)[]>;

/** What the source does next; it is skipped where the row is or is not there. */
interface Step {
  kind: 'insert' | 'update' | 'rekey' | 'delete';
  key: string[];
  newKey: string[];
  values: (string | null)[];
  /** Which columns the update leaves alone and, being large, does not send. */
  untouched: boolean[];
  /** REPLICA IDENTITY FULL: the whole old row is sent. */
  full: boolean;
}

const shapes = [
  { columns: ['id*', 'a', 'b'], keyColumns: [0] },
  // composite, and not in front
  { columns: ['a', 'k1*', 'b', 'k2*'], keyColumns: [1, 3] },
] as const;

function historyOf(keyLength: number, width: number): fc.Arbitrary<Step[]> {
  const key = fc.array(fc.constantFrom('1', '2', '3', 'null'), {
    minLength: keyLength,
    maxLength: keyLength,
  });
  const step = fc.record<Step>({
    kind: fc.constantFrom('insert', 'update', 'rekey', 'delete'),
    key,
    newKey: key,
    values: fc.array(fc.constantFrom('x', 'y', '', 'Symbol(unchanged)', null), {
      minLength: width,
      maxLength: width,
    }),
    untouched: fc.array(fc.boolean(), { minLength: width, maxLength: width }),
    full: fc.boolean(),
  });
  return fc.array(step, { maxLength: 40 });
}

test.each(shapes)('steps do what the changes did: $columns', ({ columns, keyColumns }) => {
  const relation = relationOf('t', columns);
  const table = targetTableOf(relation);
  const keyOf = (row: readonly Value[]) => keyColumns.map((index) => row[index] as string);
  const nameOf = (row: readonly Value[]) => JSON.stringify(keyOf(row));
  const withKey = (values: readonly (string | null)[], key: readonly string[]) =>
    values.map((value, i) => {
      const position = (keyColumns as readonly number[]).indexOf(i);
      return position < 0 ? value : (key[position] ?? '');
    });

  /** The source: carries a step out on its rows and tells what it did, or nothing. */
  function carryOut(step: Step, rows: Rows): RowChange | undefined {
    const name = JSON.stringify(step.key);
    const present = rows.get(name);
    const old = present && Tuple.of(identityOf(present, step.full));
    switch (step.kind) {
      case 'insert': {
        if (present !== undefined) return undefined;
        const row = withKey(step.values, step.key);
        rows.set(name, row);
        return { kind: 'insert', relation, new: Tuple.of(row) };
      }
      case 'delete':
        if (old === undefined) return undefined;
        rows.delete(name);
        return { kind: 'delete', relation, old };
      case 'update':
      case 'rekey': {
        const newKey = step.kind === 'update' ? step.key : step.newKey;
        const moves = JSON.stringify(newKey) !== name;
        if (present === undefined || (moves && rows.has(JSON.stringify(newKey)))) return undefined;
        const asked = withKey(step.values, newKey);
        const after = asked.map((value, i) => (step.untouched[i] ? (present[i] ?? null) : value));
        const row = withKey(after, newKey);
        rows.delete(name);
        rows.set(JSON.stringify(newKey), row);
        const tuple = row.map((value, i) =>
          step.untouched[i] && value === present[i] && mayBeLeftOut(i, moves) ? unchanged : value,
        );
        const keySent =
          moves || step.full || keyOf(tuple).some((value) => typeof value !== 'string');
        return { kind: 'update', relation, old: keySent ? old : undefined, new: Tuple.of(tuple) };
      }
    }
  }

  function identityOf(row: (string | null)[], full: boolean): readonly Value[] {
    return full
      ? row
      : withKey(
          row.map(() => null),
          keyOf(row),
        );
  }

  /** A large key column is left out as well, and the old key then is sent. */
  function mayBeLeftOut(column: number, moves: boolean): boolean {
    return !moves || !(keyColumns as readonly number[]).includes(column);
  }

  /** The target: what the statements of one step do, each over all of its rows at once. */
  function apply(changes: readonly RowChange[], rows: Rows, inFull: boolean): void {
    const times = changes.map((_, i) => BigInt(i));
    for (const step of coalesce(table, { changes: [...changes], times }, { inFull })) {
      let deleted = 0;
      for (const { key } of step.deletes) if (rows.delete(JSON.stringify(key))) deleted += 1;
      expect(deleted).toBe(step.expectedDeletes);
      for (const writes of [step.rekeys, step.updates]) {
        const found = writes.map(({ key }) => rows.get(JSON.stringify(key)));
        for (const { key } of writes) rows.delete(JSON.stringify(key));
        writes.forEach(({ row }, i) => {
          const before = found[i];
          if (before === undefined) throw new Error('a row to update is not there');
          const after = row.values.map((value, c) =>
            value === unchanged ? (before[c] ?? null) : value,
          );
          if (rows.has(nameOf(after))) throw new Error('two rows have one key');
          rows.set(nameOf(after), after);
        });
      }
      for (const { row } of step.inserts) {
        if (row.partial) throw new Error('an insert is not complete');
        const whole = row.values as (string | null)[];
        if (rows.has(nameOf(whole))) throw new Error('an inserted row is there already');
        rows.set(nameOf(whole), whole);
      }
    }
  }

  const width = columns.length;
  const histories = fc.tuple(historyOf(keyColumns.length, width), fc.nat(20));
  fc.assert(
    fc.property(histories, fc.boolean(), ([history, first], inFull) => {
      const source: Rows = new Map();
      // what the target has before the batch
      for (const step of history.slice(0, first)) carryOut(step, source);
      const target: Rows = new Map(source);
      const changes = history
        .slice(first)
        .map((step) => carryOut(step, source))
        .filter((change) => change !== undefined);
      apply(changes, target, inFull);
      expect(sorted(target)).toEqual(sorted(source));
    }),
    { numRuns: 3_000 },
  );
});

test('where several write, the first time is that of all that is said in full', () => {
  const relation = relationOf('t', ['id*', 'a']);
  const contested = {
    ...targetTableOf(relation),
    contested: { sync: 's', log: 'keys', windowMs: 0, pauses: false },
  } as const;
  const changeOf = (kind: string, id: string, newId: string): RowChange => {
    if (kind === 'insert') return { kind, relation, new: Tuple.of([id, 'x']) };
    if (kind === 'delete') return { kind, relation, old: Tuple.of([id, null]) };
    const old = kind === 'rekey' ? Tuple.of([id, null]) : undefined;
    return { kind: 'update', relation, old, new: Tuple.of([old ? newId : id, 'y']) };
  };
  const id = fc.constantFrom('1', '2');
  const histories = fc.array(
    fc.tuple(fc.constantFrom('insert', 'update', 'rekey', 'delete'), id, id, fc.bigInt(0n, 4n)),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(histories, (rest) => {
      // inserts alone have no keys at once
      const history = [['delete', '0', '0', 0n] as const, ...rest];
      const changes = history.map(([kind, id, newId]) => changeOf(kind, id, newId));
      const times = history.map(([, , , time]) => time);
      const [full, atOnce] = [true, false].map((inFull) =>
        coalesce(contested, { changes, times }, { inFull }).flatMap(
          ({ deletes, updates, inserts }) => [...deletes, ...updates, ...inserts],
        ),
      );
      expect(atOnce?.map(earliestTime)).toEqual(full?.map(earliestTime));
      for (const { time, first, earlier = [] } of full ?? []) {
        const all = [time, ...earlier.map((each) => each.time)];
        expect(first ?? time).toBe(all.reduce((least, each) => (each < least ? each : least)));
      }
    }),
    { numRuns: 3_000 },
  );
});

function sorted(rows: Rows): unknown[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}
