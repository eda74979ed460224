// Cases by chance, all of them in one run of the real thing; what makes trouble is looked for among them,
// and shrinks to a script.
import fc from 'fast-check';
import { expect } from 'vitest';

export interface Trial<T> {
  readonly specimen: fc.Arbitrary<T>;
  /** Why they do not all arrive, if so. */
  readonly troubleWith: (cases: readonly T[]) => Promise<string | undefined>;
  readonly scriptOf: (one: T) => readonly string[];
}

/** Again: RANDOM_TABLES_SEED=<seed>; for longer: RANDOM_TABLES=<number>. */
export async function expectNoTrouble<T>(trial: Trial<T>, usual: number): Promise<void> {
  const { specimen, troubleWith, scriptOf } = trial;
  const seed = Number(process.env['RANDOM_TABLES_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const numRuns = Number(process.env['RANDOM_TABLES'] ?? usual);
  console.info(`RANDOM_TABLES_SEED=${seed}`);
  const cases = fc.sample(specimen, { seed, numRuns });
  const trouble = await troubleWith(cases);
  if (trouble === undefined) return;
  console.info(trouble);
  const one = await culprit(cases, troubleWith);
  if (one === undefined) throw new Error(trouble);
  const alone = fc.asyncProperty(specimen, async (each) => {
    expect(await troubleWith([each])).toBe(undefined);
  });
  const { counterexample, errorInstance } = await fc.check(alone, {
    seed,
    path: String(cases.indexOf(one)),
    interruptAfterTimeLimit: 240_000,
  });
  const [small] = counterexample ?? [one];
  throw new Error([String(errorInstance), ...scriptOf(small)].join('\n'));
}

/** One that makes trouble also alone; undefined when only all of them together do. */
async function culprit<T>(
  cases: readonly T[],
  troubleWith: Trial<T>['troubleWith'],
): Promise<T | undefined> {
  const [first] = cases;
  if (first === undefined || (await troubleWith(cases)) === undefined) return undefined;
  if (cases.length === 1) return first;
  const half = Math.ceil(cases.length / 2);
  return (
    (await culprit(cases.slice(0, half), troubleWith)) ??
    (await culprit(cases.slice(half), troubleWith))
  );
}
