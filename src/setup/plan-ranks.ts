// Ranks decide ties, so they must be the same on every database and never change: given once, in
// the file's order; databases that come later get the next ones.
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import type { Session } from '../postgres/session.ts';
import { schemaExists } from './plan-schema.ts';
import type { SetupSessions, SetupStep } from './setup-step.ts';

export async function* planRanks(
  config: Config,
  sessions: SetupSessions,
): AsyncGenerator<SetupStep> {
  const stored = new Map<string, Map<string, number>>();
  for (const [name, session] of sessions) stored.set(name, await readRanks(session));
  const agreed = agreeOnRanks([...config.databases.keys()], stored);
  for (const name of sessions.keys()) {
    const missing = [...agreed].filter(([database]) => !stored.get(name)?.has(database));
    if (missing.length === 0) continue;
    const rows = missing.map(([database, rank]) => `(${quoteLiteral(database)}, ${rank})`);
    yield {
      database: name,
      sql: `insert into replicator.ranks (database, rank) values ${rows.join(', ')}`,
    };
  }
}

async function readRanks(session: Session): Promise<Map<string, number>> {
  // Only shown, not made yet, under --dry-run.
  if (!(await schemaExists(session))) return new Map();
  const rows = await session.query('select database, rank::text from replicator.ranks');
  return new Map(rows.map((row) => [row['database'] ?? '', Number(row['rank'])]));
}

/**
 * The ranks of all configured databases, given what each database has stored. Throws CONFIGURATION
 * when two of them disagree: each would then decide ties in its own way.
 */
export function agreeOnRanks(
  configured: readonly string[],
  stored: ReadonlyMap<string, ReadonlyMap<string, number>>,
): Map<string, number> {
  const agreed = new Map<string, number>();
  for (const [holder, ranks] of stored)
    for (const [database, rank] of ranks) {
      if (!configured.includes(database)) continue;
      const other = agreed.get(database) ?? rank;
      const taken = [...agreed].find(([name, r]) => r === rank && name !== database);
      if (other !== rank || taken !== undefined)
        throw new ReplicatorError(
          'CONFIGURATION',
          `${holder}: rank ${rank} of ${database} in replicator.ranks differs from the other databases'`,
          {
            hint: 'were these databases set up from different files? run `replicator teardown` on one',
          },
        );
      agreed.set(database, rank);
    }
  const used = [...stored.values()].flatMap((ranks) => [...ranks.values()]);
  let next = Math.max(0, ...used);
  for (const database of configured)
    if (!agreed.has(database)) {
      next += 1;
      agreed.set(database, next);
    }
  return agreed;
}
