// Processor seconds by what they were spent on, and peak memory: from /proc, so on Linux only.
import { readFile } from 'node:fs/promises';
import { childrenOf } from '../support/process-tree.ts';
import type { Side } from './side.ts';
import type { Stage } from './stage.ts';
import type { Figures, Metric } from './workload.ts';

export interface ProcessorTime {
  readonly replicator: number;
  readonly walsender: number;
  readonly apply: number;
  /** All else in the servers (checkpoints, WAL, autovacuum, workers that have ended), without us. */
  readonly rest: number;
}

const ticksPerSecond = 100;

export const processorMetrics: readonly Metric[] = ['all', 'replicator', 'walsender', 'apply'].map(
  (name) => ({ name, unit: 'processor s per 1M rows', better: 'lower' }),
);

export function processorFigures(
  { replicator, walsender, apply, rest }: ProcessorTime,
  rows: number,
): Figures {
  const perMillion = (seconds: number) => (seconds / rows) * 1_000_000;
  return {
    all: perMillion(replicator + walsender + apply + rest),
    walsender: perMillion(walsender),
    apply: perMillion(apply),
    ...(replicator > 0 && { replicator: perMillion(replicator) }),
  };
}

const kindsOfBackends = `
  select pid::text,
         case when backend_type = 'walsender' then 'walsender'
              when backend_type like 'logical replication%worker'
                or application_name like 'replicator/%/apply' then 'apply'
              when application_name in ('bench', 'test') then 'observer' end as kind
  from pg_stat_activity where pid <> pg_backend_pid()`;

/** Since each process began; undefined where there is no /proc. */
export async function processorTime(stage: Stage, side: Side): Promise<ProcessorTime | undefined> {
  if (process.platform !== 'linux') return undefined;
  const sums = { walsender: 0, apply: 0, observer: 0 };
  let all = 0;
  for (const server of new Set(Object.values(stage.servers))) {
    if (!(await isUp(() => server.pid()))) continue;
    const postmaster = await times(server.pid());
    all += postmaster.own + postmaster.ended;
    const kinds = await server.query('postgres', kindsOfBackends);
    const kindOf = new Map(kinds.map(({ pid, kind }) => [Number(pid), kind]));
    for (const pid of await childrenOf(server.pid())) {
      const { own } = await times(pid);
      all += own;
      const kind = kindOf.get(pid);
      if (kind) sums[kind as keyof typeof sums] += own;
    }
  }
  const { walsender, apply, observer } = sums;
  const replicator = side.pid === undefined ? 0 : (await times(side.pid)).own;
  return { replicator, walsender, apply, rest: all - walsender - apply - observer };
}

export function secondsBetween(
  before: ProcessorTime | undefined,
  after: ProcessorTime | undefined,
): ProcessorTime | undefined {
  if (before === undefined || after === undefined) return undefined;
  return {
    replicator: after.replicator - before.replicator,
    walsender: after.walsender - before.walsender,
    apply: after.apply - before.apply,
    rest: after.rest - before.rest,
  };
}

/** The most that a process ever had in memory, in MB. */
export async function peakMemory(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return peak === undefined ? undefined : Number(peak) / 1024;
}

/** proc_pid_stat(5): user and system time, also of children that have ended and were waited for. */
async function times(pid: number): Promise<{ own: number; ended: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return {
    own: (user + system) / ticksPerSecond,
    ended: (endedUser + endedSystem) / ticksPerSecond,
  };
}

async function isUp(pid: () => number): Promise<boolean> {
  try {
    pid();
    return true;
  } catch {
    return false;
  }
}
