// When all has arrived there is peace: what circles would write WAL for ever. And when replicator is
// taken away, nothing of it stays.
import { setTimeout as sleep } from 'node:timers/promises';
import { findLeftovers } from '../../support/leftovers.ts';
import type { World } from '../world.ts';
import { type Finding, finder } from './check.ts';

const quietMs = 3_000;
const quietBytes = 20_000n;
const patienceMs = 40_000;

export async function* checkStill(world: World): AsyncGenerator<Finding> {
  const restless = finder('restless');
  const before = await appliedOn(world);
  // vacuum and checkpoints after the load end by themselves
  const deadline = performance.now() + patienceMs;
  let written: bigint[] = [];
  do {
    const from = await walPositions(world);
    await sleep(quietMs);
    written = (await walPositions(world)).map((at, i) => at - (from[i] ?? 0n));
  } while (performance.now() < deadline && written.some((bytes) => bytes > quietBytes));
  for (const [i, bytes] of written.entries())
    if (bytes > quietBytes)
      yield restless(`${world.masters[i]?.name} writes ${bytes} bytes of WAL in ${quietMs} ms`);
  const after = await appliedOn(world);
  for (const [i, applied] of after.entries())
    if (applied !== before[i])
      yield restless(`${world.masters[i]?.name} applied more: ${before[i]} became ${applied}`);
}

async function walPositions({ masters }: World): Promise<bigint[]> {
  const sql = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as at`;
  const rows = await Promise.all(masters.map((master) => master.query(sql)));
  return rows.map(([row]) => BigInt(row?.['at'] ?? 0));
}

async function appliedOn({ masters }: World): Promise<string[]> {
  const sql = 'select sum(inserts + updates + deletes + truncates) as n from replicator.progress';
  const rows = await Promise.all(masters.map((master) => master.query(sql)));
  return rows.map(([row]) => row?.['n'] ?? '0');
}

/** A slot that stays where the last row was would keep all WAL that others write. */
export async function* checkConfirmed({ written, options }: World): AsyncGenerator<Finding> {
  const kept = finder('WAL kept');
  for (const master of written) {
    const [row] = await master.query(
      `select max(pg_logical_emit_message(false, 'others', repeat('x', 1048576)))::text as at
       from generate_series(1, 2 * ${storedEveryMb})`,
    );
    const behind = () =>
      master.query(
        `select slot_name from pg_replication_slots where database = current_database()
         and pg_wal_lsn_diff($1, confirmed_flush_lsn) > ${storedEveryMb} * 1048576::numeric`,
        [row?.['at']],
      );
    const deadline = performance.now() + options.patienceMs;
    while ((await behind()).length > 0 && performance.now() < deadline) await sleep(200);
    for (const { slot_name } of await behind())
      yield kept(`${slot_name} on ${master.name} keeps what others have written`);
  }
}

/** Positions of others' WAL are stored on the targets no more often than every 16 MB. */
const storedEveryMb = 17;

/** Nothing was logged that calls for a person, and the process ended only when it was told to. */
export function* checkLog({ daemon, trouble }: World): Generator<Finding> {
  const unwell = finder('not by itself');
  daemon.collect();
  for (const line of daemon.errors) yield unwell(`logged: ${line.msg}`, line);
  for (const end of daemon.ownEnds) yield unwell(`ended: ${end}`);
  for (const what of trouble) yield unwell(what);
}

/** SIGTERM and `replicator teardown`. */
export async function* checkTeardown(world: World): AsyncGenerator<Finding> {
  const left = finder('left behind');
  const wrong = await world.daemon.stop();
  if (wrong !== undefined) yield left(`the replicator: ${wrong}`);
  const result = await world.daemon.command(['teardown'], 60_000);
  if (result.code !== 0) yield left(`teardown: code ${result.code}`, result);
  for (const master of world.masters) {
    for (const what of await findLeftovers(master.server)) yield left(`${what} on ${master.name}`);
    for (const { name } of await master.query(
      `select 'schema ' || nspname as name from pg_namespace where nspname = 'replicator'
       union all select 'publication ' || pubname from pg_publication`,
    ))
      yield left(`${name} on ${master.name}`);
  }
}
