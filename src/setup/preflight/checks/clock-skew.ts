// The later commit wins, so clocks decide. Measured against this host, and so against each other.
import type { SyncConfig } from '../../../config/config.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';

export const clockSkew: Check = {
  name: 'clock-skew',
  category: 'server',
  find: (facts) => {
    const apart = facts.config.syncs.flatMap((sync) => widest(facts, sync));
    const unique = new Map(apart.map((problem) => [problem.message, problem]));
    return [...fromThisHost(facts), ...unique.values()];
  },
};

const hint = 'synchronise the clocks (NTP), or raise max_clock_skew';

function fromThisHost({ config, databases }: PreflightFacts): Problem[] {
  return [...databases.values()].flatMap(({ name: database, clock }) => {
    const skewMs = Math.abs(clock.offsetMs) - clock.uncertaintyMs;
    if (skewMs <= config.maxClockSkewMs) return [];
    const where = clock.offsetMs > 0 ? 'ahead of' : 'behind';
    const message = `${database}: its clock is ${seconds(skewMs)} ${where} this host's (max_clock_skew is ${seconds(config.maxClockSkewMs)})`;
    return [{ severity: 'warning', code: 'CONFIGURATION', database, message, hint }];
  });
}

/** The two clocks of a sync that are furthest apart stand for all of its pairs. */
function widest({ config, databases }: PreflightFacts, sync: SyncConfig): Problem[] {
  const members = [...databases.values()]
    .filter(({ name }) => sync.members.has(name))
    .sort((a, b) => a.clock.offsetMs - b.clock.offsetMs);
  const [slow, fast] = [members[0], members.at(-1)];
  if (slow === undefined || fast === undefined) return [];
  const skewMs = leastSkew(fast, slow);
  if (skewMs <= config.maxClockSkewMs) return [];
  const message = `${fast.name}: its clock is ${seconds(skewMs)} ahead of ${slow.name}'s (max_clock_skew is ${seconds(config.maxClockSkewMs)})`;
  return [{ severity: 'warning', code: 'CONFIGURATION', database: fast.name, message, hint }];
}

/** What remains when both measurements err as far as they can. */
function leastSkew({ clock: a }: DatabaseFacts, { clock: b }: DatabaseFacts): number {
  return a.offsetMs - b.offsetMs - a.uncertaintyMs - b.uncertaintyMs;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
