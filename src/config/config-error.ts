// What the user sees when the file is wrong: every problem at once, one line each.
import { ReplicatorError } from '../model/errors.ts';

export class ConfigError extends ReplicatorError {
  /** Each one line, `replicator.yaml:12:5: unknown key "hots" (did you mean "host"?)`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options: { cause?: unknown; hint?: string } = {}) {
    super('CONFIGURATION', problems.join('\n'), options);
    this.problems = problems;
  }
}
