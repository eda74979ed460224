// What docs/reference/limits.md says does not converge: each case in its smallest form, so that the
// page stays true.
import { expect, test } from 'vitest';
import type { History, Step, UserChange } from './history.ts';
import { type Rules, ruleWithout, wholeRule } from './rules.ts';
import { run } from './run.ts';

const [a, b] = [0, 1];

test('a clock goes back, and a user answers a change from elsewhere with an earlier time', () => {
  const steps = [
    commit(10, a, 'insert'),
    apply(2, a, b),
    clockBack(0, b, 5),
    commit(0, b, 'update'),
  ];
  expect(endsOf(steps)).toEqual(['k1 (a1 a1) by a', 'k1 (b1 b1) by b']);
  // Not so if changes are waited for longer than the clock goes back.
  expect(
    endsOf([...steps.slice(0, 1), apply(7, a, b), ...steps.slice(2)], { commitWait: 5 }),
  ).toEqual(['k1 (b1 b1) by b', 'k1 (b1 b1) by b']);
});

test('a clock goes back between two changes of a row, and another has a time in between', () => {
  const steps = [
    commit(10, a, 'insert'),
    clockBack(0, a, 4),
    commit(1, a, 'update'),
    commit(-2, b, 'insert'),
  ];
  expect(endsOf(steps)).toEqual(['k1 (b1 b1) by b', 'k1 (a2 a2) by a']);
  // Without the change in between the order of the stream is enough.
  expect(endsOf(steps.slice(0, 3))).toEqual(['k1 (a2 a2) by a', 'k1 (a2 a2) by a']);
});

test('a clock goes back between a delete and an insert: equal, but gone', () => {
  const steps = [
    commit(10, a, 'insert'),
    commit(1, a, 'delete'),
    clockBack(0, a, 4),
    commit(1, a, 'insert'),
  ];
  expect(endsOf(steps)).toEqual(['no row', 'no row']);
});

test('TRUNCATE as PostgreSQL replicates it, beside an insert that its database had not seen', () => {
  const steps = [commit(1, b, 'insert'), commit(1, a, 'truncate')];
  const asItIs = ruleWithout('versions of a truncate');
  expect(endsOf(steps, {}, asItIs)).toEqual(['k1 (b1 b1) by b', 'no row']);
});

function endsOf(steps: readonly Step[], options = {}, rules: Rules = wholeRule): string[] {
  const history: History = {
    skews: [0, 0],
    keys: 1,
    values: 1,
    uniqueIndexes: 0,
    steps: [...steps],
    drain: 1,
  };
  return run(history, rules, options).ends.map((end) => end || 'no row');
}

function commit(wait: number, at: number, what: UserChange['what']): Step {
  const changes = [{ what, key: 0, to: 0, unique: [] }];
  return { kind: 'commit', wait, at, changes, toStream: 0, toVisible: 0 };
}

function apply(wait: number, source: number, at: number): Step {
  return { kind: 'apply', wait, source, at, count: 9, crash: false };
}

function clockBack(wait: number, at: number, by: number): Step {
  return { kind: 'clock back', wait, at, by };
}
