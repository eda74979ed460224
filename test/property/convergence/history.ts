// Random histories as plain data, so that a failing one shrinks and prints.
import fc from 'fast-check';

export interface UserChange {
  /** Carried out where it can be; on a row that is not there an update inserts. */
  readonly what: 'insert' | 'update' | 'update, a unchanged' | 'move' | 'delete' | 'truncate';
  readonly key: number;
  /** The other key of a move. */
  readonly to: number;
  /** Which of the possible values each unique index gets. */
  readonly unique: readonly number[];
}

export type Step = { readonly wait: number } & (
  | {
      readonly kind: 'commit';
      readonly at: number;
      readonly changes: readonly UserChange[];
      readonly toStream: number;
      readonly toVisible: number;
    }
  | {
      readonly kind: 'apply';
      readonly source: number;
      readonly at: number;
      readonly count: number;
      /** The target goes down before its COMMIT. */
      readonly crash: boolean;
    }
  | { readonly kind: 'read own'; readonly at: number; readonly count: number }
  | { readonly kind: 'forget'; readonly at: number }
  | { readonly kind: 'crash'; readonly at: number }
  | { readonly kind: 'clock back'; readonly at: number; readonly by: number }
);

export interface History {
  /** What each database's clock is ahead. */
  readonly skews: readonly number[];
  readonly keys: number;
  readonly values: number;
  readonly uniqueIndexes: number;
  readonly steps: readonly Step[];
  /** Chooses the order of deliveries after the last step. */
  readonly drain: number;
}

export interface Shape {
  readonly uniqueIndexes: number;
  readonly truncate?: boolean;
  /** Relative frequencies of the steps. */
  readonly often?: Partial<Record<Step['kind'], number>>;
  readonly unchanged?: number;
  readonly keys?: number;
  readonly most?: number;
  readonly databases?: number;
  /** From the moment that the commit time is taken until the commit is in the stream, and then until it is seen. */
  readonly toStream?: readonly number[];
  readonly toVisible?: readonly number[];
}

/** A transaction is in the stream at most so long after its commit time was taken. */
export const longestToStream = 4;

/** A clock is put back by no more than this. */
export const longestStepBack = 8;

const nat = (max: number) => fc.integer({ min: 0, max });

export function histories(shape: Shape): fc.Arbitrary<History> {
  const { uniqueIndexes, most = 40 } = shape;
  return fc.integer({ min: 2, max: shape.databases ?? 4 }).chain((databases) => {
    const at = nat(databases - 1);
    const steps: fc.Arbitrary<Step>[] = stepsOf(shape, databases, at);
    return fc.record<History>({
      skews: fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, skew), {
        minLength: databases,
        maxLength: databases,
      }),
      keys: fc.integer({ min: uniqueIndexes === 0 ? 1 : 2, max: shape.keys ?? 3 }),
      values: fc.integer({ min: 1, max: 3 }),
      uniqueIndexes: fc.constant(uniqueIndexes),
      steps: fc.array(byWeight(steps, shape), { minLength: 4, maxLength: most, size: 'max' }),
      drain: nat(1_000_000),
    });
  });
}

const skew = fc.integer({ min: -6, max: 6 });
const wait = fc.constantFrom(1, 0, 1, 2);
const kinds = ['commit', 'apply', 'read own', 'forget', 'crash', 'clock back'] as const;
const usually = { commit: 45, apply: 40, 'read own': 8, forget: 8, crash: 2, 'clock back': 0 };

function byWeight(steps: readonly fc.Arbitrary<Step>[], { often }: Shape): fc.Arbitrary<Step> {
  const weights = { ...usually, ...often };
  return fc.oneof(
    ...kinds.map((kind, i) => ({
      weight: weights[kind],
      arbitrary: steps[i] ?? fc.constant(never),
    })),
  );
}
const never: Step = { kind: 'forget', at: 0, wait: 0 };

function stepsOf(shape: Shape, databases: number, at: fc.Arbitrary<number>): fc.Arbitrary<Step>[] {
  const change = fc.record<UserChange>({
    what: fc.oneof(
      { weight: 20, arbitrary: fc.constant('insert' as const) },
      { weight: 30, arbitrary: fc.constant('update' as const) },
      { weight: shape.unchanged ?? 25, arbitrary: fc.constant('update, a unchanged' as const) },
      { weight: 8, arbitrary: fc.constant('move' as const) },
      { weight: 25, arbitrary: fc.constant('delete' as const) },
      { weight: shape.truncate ? 8 : 0, arbitrary: fc.constant('truncate' as const) },
    ),
    key: nat(3),
    to: nat(3),
    unique: fc.array(nat(3), { minLength: shape.uniqueIndexes, maxLength: shape.uniqueIndexes }),
  });
  return [
    fc.record({
      kind: fc.constant('commit' as const),
      at,
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
      toStream: fc.constantFrom(...(shape.toStream ?? [0, 0, 0, 0, 1, longestToStream])),
      toVisible: fc.constantFrom(...(shape.toVisible ?? [0, 0, 0, 1, 3, 5])),
      wait,
    }),
    fc
      .record({
        source: at,
        other: nat(databases - 2),
        count: fc.constantFrom(1, 2, 3, 6),
        crash: fc.integer({ min: 0, max: 19 }),
        wait,
      })
      .map(({ source, other, count, crash, wait }) => ({
        kind: 'apply' as const,
        source,
        at: other < source ? other : other + 1,
        count,
        crash: crash === 19,
        wait,
      })),
    fc.record({
      kind: fc.constant('read own' as const),
      at,
      count: fc.constantFrom(1, 2, 9),
      wait,
    }),
    fc.record({ kind: fc.constant('forget' as const), at, wait }),
    fc.record({ kind: fc.constant('crash' as const), at, wait }),
    fc.record({
      kind: fc.constant('clock back' as const),
      at,
      by: fc.integer({ min: 1, max: longestStepBack }),
      wait,
    }),
  ];
}
