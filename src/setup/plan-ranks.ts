// Ranks decide ties, so they must be the same on every database and never change: given once, in
// the file's order; databases that come later get the next ones.
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import type { Session } from '../postgres/session.ts';
import type { SetupSessions, SetupStep } from './setup-step.ts';

export async function* planRanks(
  config: Config,
  sessions: SetupSessions,
): AsyncGenerator<SetupStep> {
  const stored = new Map<string, Map<string, number>>();
  for (const [name, session] of sessions) stored.set(name, await readRanks(session));
  const agreed = agreeOnRanks([...config.databases.keys()], stored);
  for (const name of sessions.keys()) {
    const ranks = stored.get(name) ?? new Map();
    const missing = [...agreed].filter(([database]) => !ranks.has(database));
    const isTaken = ([, rank]: [string, number]) => [...ranks.values()].includes(rank);
    // Under a name that the file no longer has: a target may get another one.
    for (const [database, rank] of missing.filter(isTaken))
      yield {
        database: name,
        sql: `update replicator.ranks set database = ${quoteLiteral(database)} where rank = ${rank}`,
      };
    const rows = missing
      .filter((entry) => !isTaken(entry))
      .map(([database, rank]) => `(${quoteLiteral(database)}, ${rank})`);
    if (rows.length === 0) continue;
    yield {
      database: name,
      sql: `insert into replicator.ranks (database, rank) values ${rows.join(', ')}`,
    };
  }
}

async function readRanks(session: Session): Promise<Map<string, number>> {
  // Only shown, not made yet, under --dry-run.
  if (!(await schemaExists(session))) return new Map();
  const rows = await session.query(
    // Its own rank also while it is still to be renamed, which --dry-run only shows.
    `select case r.database when i.database then $1 else r.database end as database, rank::text
     from replicator.ranks r, replicator.installation i`,
    [session.database.name],
  );
  return new Map(rows.map((row) => [row['database'] ?? '', Number(row['rank'])]));
}

/**
 * The ranks of the configured databases, given what each database has stored. Throws CONFIGURATION
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
  const entries = [...stored.values()].flatMap((ranks) => [...ranks]);
  // A database that is not here may be one of these, and then tells its rank itself.
  const isAnyRenamed = entries.some(([database]) => !configured.includes(database));
  let next = Math.max(0, ...entries.map(([, rank]) => rank));
  for (const database of configured)
    if (!agreed.has(database)) {
      next += 1;
      if (!isAnyRenamed || stored.has(database)) agreed.set(database, next);
    }
  return agreed;
}
