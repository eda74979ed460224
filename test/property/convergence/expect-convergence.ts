// Runs random histories, and prints one that went wrong as a script that a person can follow.
import fc from 'fast-check';
import { type History, histories, type Shape } from './history.ts';
import { type Part, ruleWithout, wholeRule } from './rules.ts';
import { type Run, type RunOptions, run } from './run.ts';

/** How many times as many histories as usual: CONVERGENCE_TIMES=30 takes minutes. */
export const times = Number(process.env['CONVERGENCE_TIMES'] ?? 1);
/** Of a failure, to see it again. */
const seed = process.env['CONVERGENCE_SEED'];

export interface Expectation extends RunOptions {
  /** Which histories are meant; the others say nothing. */
  readonly where?: (run: Run) => boolean;
  readonly histories: number;
}

/** Throws what was done where, in which order, and how it ended. */
export function expectConvergence(
  shape: Shape,
  { where, histories: count, ...options }: Expectation,
) {
  const check = (history: History) => {
    const result = run(history, wholeRule, { path: pathOf(history), ...options });
    return where?.(result) === false ? undefined : mistakeOf(result);
  };
  const details = fc.check(
    fc.property(histories(shape), (history) => check(history) === undefined),
    { numRuns: count * times, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
  const [history] = details.counterexample ?? [];
  if (history === undefined) return;
  const told = run(history, wholeRule, { path: pathOf(history), ...options, tell: true });
  throw new Error(
    `${mistakeOf(told)} (CONVERGENCE_SEED=${details.seed}, after ${details.numRuns} histories)\n${told.script}`,
  );
}

/** The first of the histories that goes wrong only without this part of the rule, as a script. */
export function divergenceWithout(
  part: Part,
  shape: Shape,
  options: RunOptions & { histories: number; wrong?: (run: Run) => boolean },
): string | undefined {
  const { wrong = ({ converged }) => !converged, ...runOptions } = options;
  const rules = ruleWithout(part);
  const details = fc.check(
    fc.property(
      histories(shape),
      (history) =>
        !wrong(run(history, rules, runOptions)) || wrong(run(history, wholeRule, runOptions)),
    ),
    { numRuns: options.histories, seed: 1, endOnFailure: true },
  );
  const [history] = details.counterexample ?? [];
  return history && run(history, rules, { ...runOptions, tell: true }).script;
}

/** On either path, and batch by batch on both. */
function pathOf({ drain }: History): 'careful' | 'compare' {
  return drain % 2 === 0 ? 'careful' : 'compare';
}

function mistakeOf({ converged, bentVersion, differs }: Run): string | undefined {
  if (!converged) return 'the databases end with different rows';
  if (bentVersion !== undefined) return `a version that nobody wrote: ${bentVersion}`;
  if (differs !== undefined) return `the fast path made of a batch\n${differs}`;
  return undefined;
}
