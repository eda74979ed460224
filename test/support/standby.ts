// A physical standby of a server, made of a cold copy.
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { OwnServer } from './own-server.ts';

export const standbySlot = 'standby_1';

/** Stops and starts the primary. Slots that fail over are kept in step on 17 and newer. */
export async function startStandby(primary: OwnServer): Promise<OwnServer> {
  await primary.query('postgres', 'select pg_create_physical_replication_slot($1, true)', [
    standbySlot,
  ]);
  await primary.stop();
  const standby = await OwnServer.copyOf(primary, async (dataDirectory) => {
    // as pg_basebackup does it: slots are not part of a copy
    const slots = join(dataDirectory, 'pg_replslot');
    for (const name of await readdir(slots)) await rm(join(slots, name), { recursive: true });
    await writeFile(join(dataDirectory, 'standby.signal'), '');
    const settings = {
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres application_name=${standbySlot}`,
      primary_slot_name: standbySlot,
      hot_standby_feedback: 'on',
      wal_retrieve_retry_interval: '100ms',
      ...(primary.major >= 17 && { sync_replication_slots: 'on' }),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    await appendFile(join(dataDirectory, 'postgresql.conf'), lines.join(''));
  });
  await primary.start();
  return standby;
}

/** All that the primary has written by now is on the standby. */
export async function untilCaughtUp(primary: OwnServer, standby: OwnServer): Promise<void> {
  const [at] = await primary.query('postgres', 'select pg_current_wal_lsn() as lsn');
  await eventually(
    async () => {
      const [there] = await standby.query(
        'postgres',
        'select pg_last_wal_replay_lsn() >= $1 as reached',
        [at?.['lsn']],
      );
      return there?.['reached'] === 't' || there?.['reached'] === 'true';
    },
    { what: 'the standby' },
  );
}

/** The slot would be there after a promotion. It gets so far only while `write` moves the primary's. */
export async function untilSlotIsSynced(
  primary: OwnServer,
  standby: OwnServer,
  slot: string,
  write: () => Promise<unknown>,
): Promise<void> {
  await eventually(
    async () => {
      await primary.query('postgres', 'select pg_log_standby_snapshot()');
      await write();
      const found = await standby.query(
        'postgres',
        'select from pg_replication_slots where slot_name = $1 and synced and not temporary',
        [slot],
      );
      return found.length > 0;
    },
    { timeoutMs: 60_000, intervalMs: 500, what: `slot ${slot} on the standby` },
  );
}

export async function promote(standby: OwnServer): Promise<void> {
  await standby.query('postgres', 'select pg_promote()');
}
