// `replicator status`: is it running, how far behind, what went wrong last.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { errorKinds, ReplicatorError } from '../model/errors.ts';
import { readStatus } from '../observability/read-status.ts';
import type {
  ConflictTypeCount,
  Difference,
  OwnerStatus,
  SlotStatus,
  StandbyStatus,
  Status,
} from '../observability/status.ts';
import type { Command, Flags } from './command.ts';
import {
  colour,
  formatBytes,
  formatSeconds,
  type OutputFormat,
  print,
  printData,
  printScreen,
  printTable,
} from './output.ts';

export const status: Command = {
  name: 'status',
  describe: 'state and lag of every subscription, asked of the databases; exit 1 when unhealthy',
  options: {
    watch: {
      type: 'string',
      describe: 'again every so many seconds, 2 where none are given, until stopped',
      requiresArg: false,
    },
  },
  async handler({ flags, loadConfig, format }) {
    const config = await loadConfig();
    const interval = watchSeconds(flags);
    if (interval === undefined) return await show(config, format);
    let stopped = false;
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        stopped = true;
        stop.abort();
      });
    let code = 0;
    while (!stopped) {
      if (format === 'table') printScreen();
      code = await show(config, format);
      await sleep(interval * 1_000, undefined, { signal: stop.signal }).catch(() => {});
    }
    return code;
  },
};

function watchSeconds(flags: Flags): number | undefined {
  const watch = flags['watch'];
  if (watch === undefined) return undefined;
  if (watch === '') return 2;
  const seconds = /^\d{1,5}(\.\d+)?$/.test(String(watch)) ? Number(watch) : 0;
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new ReplicatorError('USAGE', `--watch ${watch}: give a number of seconds up to 86400`);
}

async function show(config: Config, format: OutputFormat): Promise<number> {
  const read = await readStatus(config);
  if (format === 'table') showTables(read);
  else printData(format, { ...read });
  return read.healthy ? 0 : 1;
}

/** What is further away than a month changes before. */
const worthSayingSeconds = 30 * 86_400;

function slotLine(slot: SlotStatus): string {
  const { database, slotName, target, active, retainedBytes, walStatus, secondsToLimit } = slot;
  const limit = target === null ? 'lost' : 'lost or given up';
  return (
    `slot ${database}/${slotName}: ${active ? 'active' : 'inactive'}, ` +
    `retains ${formatBytes(retainedBytes)}, wal_status ${walStatus ?? '-'}` +
    (secondsToLimit === null || secondsToLimit > worthSayingSeconds
      ? ''
      : `, ${limit} in about ${formatSeconds(secondsToLimit)} at this rate`)
  );
}

function showTables({
  subscriptions,
  slots,
  owners,
  differences,
  heldDeletes,
  standbys,
  databases,
}: Status): void {
  printTable(
    [
      'SUBSCRIPTION',
      'STATE',
      'LAG',
      'BEHIND',
      'FLUSHED LSN',
      'I/U/D',
      'CONFLICTS',
      'TABLES',
      'LAST ERROR',
    ],
    subscriptions.map((each) => [
      each.subscription,
      each.state,
      each.lagBytes === null ? '-' : formatBytes(each.lagBytes),
      each.lagSeconds === null ? '-' : formatSeconds(each.lagSeconds),
      each.flushedLsn ?? '-',
      `${each.inserts}/${each.updates}/${each.deletes}`,
      String(each.conflicts),
      String(each.tables),
      each.lastError?.code ?? '-',
    ]),
  );
  for (const slot of slots) print(slotLine(slot));
  for (const owner of owners) print(`source ${owner.source}: ${describeOwner(owner)}`);
  for (const { subscription, lastError } of subscriptions)
    if (lastError !== null) {
      const { message, code, hint } = lastError;
      // Some name it themselves, for where nothing else does.
      const isNamed = message.startsWith(`${subscription}: `);
      print(colour('yellow', isNamed ? message : `${subscription}: ${message}`));
      print(`  ${code}: ${hint}`);
    }
  for (const { subscription, conflictCounts } of subscriptions)
    if (conflictCounts.length > 0)
      print(`${subscription}: conflicts: ${conflictCounts.map(conflictText).join(', ')}`);
  for (const { subscription, waitingTables } of subscriptions)
    for (const table of waitingTables)
      print(
        `${subscription}: ${table} matches but has not joined; it is looked at when \`run\` starts, or begins anew at \`kill -HUP\``,
      );
  for (const each of differences)
    print(colour('yellow', `${each.table}: ${describeDifference(each)}`));
  for (const { database, since, missing } of heldDeletes)
    print(
      colour(
        'yellow',
        `${database} remembers deletes since ${since}: nothing was heard of ${missing.map((name) => (name === database ? 'its own stream' : name)).join(' and ')} for long`,
      ),
    );
  for (const standby of standbys) {
    const line = describeStandby(standby);
    print(standby.active ? line : colour('yellow', line));
  }
  for (const { database, reachable, code, error } of databases) {
    if (code === null) continue;
    // A wrong password, say, is not to be looked for in the network.
    const isAway = !reachable && errorKinds[code].retry === 'timed';
    const what = isAway ? 'is unreachable' : `does not tell: ${error}`;
    print(colour('red', `database ${database} ${what}`));
  }
}

function describeDifference(each: Difference): string {
  const { database, other, onlyHere, onlyThere, differing, comparedAt } = each;
  return comparedAt === null
    ? `joined as it was on ${database} and ${other}, which are still to be compared`
    : `${onlyHere} rows only on ${database}, ${onlyThere} only on ${other}, ${differing} differ (keys: --output json)`;
}

function describeStandby({ database, slotName, active, behindBytes }: StandbyStatus): string {
  const name = `standby ${database}/${slotName}`;
  if (behindBytes === null) return `${name}: has nothing yet, the sources keep WAL until it has`;
  const behind = `${formatBytes(behindBytes)} behind`;
  return active
    ? `${name}: ${behind}`
    : `${name}: not connected, ${behind}, the sources keep WAL for it`;
}

function describeOwner({ host, pid, since, connected, standingBy }: OwnerStatus): string {
  const others = standingBy === 0 ? '' : `, ${standingBy} standing by`;
  if (host === null) return `no process has it${others}`;
  const away = connected ? '' : ', which is not connected';
  return `process ${pid} on ${host} has it since ${since?.replace(/\.\d+/, '')}${away}${others}`;
}

function conflictText({ type, resolution, count }: ConflictTypeCount): string {
  return `${count} ${type} (${resolution})`;
}
