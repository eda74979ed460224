// The disk of a source is not filled for a target that is away: what is kept is bounded, and told.
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { runCli } from '../support/run-cli.ts';
import { middle, newest } from '../support/servers-for-tests.ts';
import { createOneWay, type OneWay } from './scenarios/one-way.ts';
import { openWriter, writeElsewhere } from './scenarios/writer.ts';

/** Much WAL that has nothing to do with us; the slot of all follows it. */
async function fillWal(world: OneWay, server: PostgresServer, megabytes: number): Promise<void> {
  const url = new URL(world.source.database.url);
  url.pathname = '/postgres';
  await using writer = await openWriter(url.href);
  const before = await world.restartLsn();
  await writeElsewhere(writer, megabytes);
  await eventually(
    async () => {
      // It says where decoding may begin; what is applied behind it lets the slot begin there.
      await server.query('postgres', 'checkpoint');
      await world.source.database.query(`insert into log values ('behind a checkpoint')`);
      expect(await world.restartLsn()).toBeGreaterThan(before + BigInt(megabytes) * 900_000n);
    },
    { timeoutMs: 60_000, intervalMs: 500, what: 'the slot of all lets WAL go' },
  );
}

test.each([...new Set([middle, newest])])(
  '%i: WAL of other databases lets the slot move while a target is away',
  async (major) => {
    const server = await startServer({ major, name: 'wal-limits' });
    try {
      await using world = await createOneWay({ server }, ['b', 'c']);
      await world.start();
      await world.settle();
      await world.want('pause');
      await world.untilCopies(['b']);
      await fillWal(world, server, 40);
      await world.want('resume');
      await world.untilCopies([]);
      await world.settle();
    } finally {
      await server.remove();
    }
  },
  120_000,
);

test('at give_up_at the place of the target is given up, loudly; the others go on', async () => {
  const server = await startServer({ major: newest, name: 'wal-limits' });
  try {
    await using world = await createOneWay(
      { server, file: { slots: { warn_at: '10MB', give_up_at: '30MB' } } },
      ['b', 'c'],
    );
    const replicator = await world.start();
    await world.settle();
    await world.want('pause');
    await world.untilCopies(['b']);
    await fillWal(world, server, 20);
    const status = async () => {
      const { code, stdout } = await runCli(['status', '-c', world.config, '--output', 'json']);
      return { code, ...JSON.parse(stdout) };
    };
    const kept = (await status()).slots[1];
    expect(kept).toMatchObject({ target: 'b', secondsToLimit: expect.any(Number) });
    await replicator.waitForLog(
      (line) => line.msg === 'much WAL is kept for a slot' && line['slot'] === 'replicator_a__b',
    );
    await fillWal(world, server, 20);
    await world.untilCopies([]);
    await replicator.waitForLog((line) => line.level === 'error' && line.code === 'GIVEN_UP');
    await world.settle(['c']);
    expect(await status()).toMatchObject({
      code: 1,
      subscriptions: [
        { subscription: 'a:b', state: 'failed', lastError: { code: 'GIVEN_UP' } },
        { subscription: 'a:c', state: 'streaming' },
      ],
    });
    // The others have it all; what this one lacks is told all the same, now and while it waits to begin anew.
    const lag = async () => (await status()).subscriptions[0].lagBytes;
    expect(await lag()).toBeGreaterThan(30_000_000);
    // Nobody begins again where there is a gap, whatever a person says or restarts.
    await world.want('resume');
    await replicator.stop();
    const again = await world.start();
    await again.waitForLog((line) => line.level === 'error' && line.code === 'GIVEN_UP');
    await world.source.database.query(`insert into log values ('behind the gap')`);
    await world.settle(['c']);
    expect(await world.has('behind the gap')).toBe(false);
    // A person who knows of it does, under the running daemon.
    expect(await runCli(['resync', 'a:b', '-c', world.config])).toMatchObject({ code: 0 });
    await again.waitForLog((line) => line.code === 'COPY_REFUSED');
    expect((await status()).subscriptions[0]).toMatchObject({
      state: 'failed',
      lastError: { code: 'COPY_REFUSED' },
    });
    expect(await lag()).toBeGreaterThan(30_000_000);
    await world.target.database.query('truncate t, log');
    await world.untilArrived('behind the gap');
    await world.settle();
    await world.untilCopies([]);
    expect((await status()).code).toBe(0);
  } finally {
    await server.remove();
  }
}, 180_000);

test('it is given up also when it applies all, and its standby is away; no other one suffers', async () => {
  const server = await startServer({ major: newest, name: 'wal-limits' });
  const standby = 'standby_that_is_away';
  try {
    await server.query(
      'postgres',
      `select pg_create_physical_replication_slot('${standby}', true)`,
    );
    await using world = await createOneWay(
      {
        server,
        file: { slots: { warn_at: '10MB', give_up_at: '30MB' } },
        target: { standby_slots: [standby] },
      },
      ['b', 'c'],
    );
    const replicator = await world.start();
    await world.settle();
    // So much it has, and no more from now on.
    await server.query(
      'postgres',
      `select pg_replication_slot_advance('${standby}', pg_current_wal_flush_lsn())`,
    );
    // Where a start is slow it is detached by that already, and comes back.
    await world.untilCopies([]);
    const beforePause = replicator.logs.length;
    await world.want('pause');
    await world.untilCopies(['b']);
    const confirmed = await world.confirmedLsn();
    await world.settle(['c']);
    expect(await world.isConfirmedSoon(confirmed + 1n)).toBe(true);
    const from = replicator.logs.length;
    await world.want('resume');
    await replicator.waitForLog(
      (line) => line['subscription'] === 'a:b' && line['state'] === 'streaming',
      { from },
    );
    // In the stream of all, which lets nothing go before the standby has it.
    expect(await world.copies()).toEqual(['b']);
    await fillWal(world, server, 40);
    await world.untilCopies([]);
    const givenUp = replicator.logs.filter(({ code }) => code === 'GIVEN_UP');
    expect(new Set(givenUp.map((line) => line['subscription']))).toEqual(new Set(['a:b']));
    const detached = replicator.logs.slice(beforePause).filter(({ msg }) => msg === 'detached');
    expect(detached).toMatchObject([{ subscription: 'a:b' }]);
    await world.settle(['c']);
    await server.query('postgres', `select pg_drop_replication_slot('${standby}')`);
  } finally {
    await server.remove();
  }
}, 120_000);
