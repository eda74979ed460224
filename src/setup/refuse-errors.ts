// Before anything is made on a server for the first time: what `check` calls an error is refused,
// so that a publication never breaks the users' updates and a slot is never made in vain.
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import type { Finding } from './preflight/finding.ts';
import { preflight } from './preflight.ts';

/** Throws the first error's code; the message has a line for each that concerns `databases`. */
export async function refuseErrors(config: Config, databases: readonly string[]): Promise<void> {
  const findings = await preflight(config, { databases });
  const errors = findings.filter(
    ({ severity, database }) => severity === 'error' && databases.includes(database),
  );
  const [first] = errors;
  if (first === undefined) return;
  throw new ReplicatorError(first.code, errors.map(oneLine).join('\n'), {
    hint: errors.length === 1 ? first.hint : 'see `replicator check`',
  });
}

function oneLine({ message, hint }: Finding, _: number, { length }: readonly Finding[]): string {
  return length === 1 ? message : `${message}: ${hint.split('\n')[0]}`;
}
