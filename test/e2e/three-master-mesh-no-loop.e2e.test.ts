// Three masters that all write: each change reaches each other master once, and then there is peace.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { startLoad } from '../support/load.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { expectEqual, initialize } from '../support/synced-databases.ts';

const majors = [oldest, middle, newest];
const names = ['a', 'b', 'c'];
const rowsEach = 300;

let servers: PostgresServer[];
let masters: TestDatabase[];
let config: string;

beforeAll(async () => {
  servers = await Promise.all([...new Set(majors)].map((major) => sharedServer(major)));
  masters = await Promise.all(
    majors.map(async (major, i) => createDatabase(await sharedServer(major), `mesh ${names[i]}`)),
  );
  for (const master of masters)
    await master.query(`
      create table items (id bigint primary key, n int not null, v text);
      create table events (master text, n int, at timestamptz default clock_timestamp(),
        primary key (master, n));
      -- what was applied here rather than written here; in a schema that is not replicated
      create schema log;
      create table log.applied (op text, id bigint, n int);
      create function log.note() returns trigger language plpgsql as $$
        begin
          if current_setting('session_replication_role') = 'replica' then
            insert into log.applied values (
              tg_op, case tg_op when 'DELETE' then old.id else new.id end,
              case tg_op when 'DELETE' then old.n else new.n end);
          end if;
          return null;
        end $$;
      create trigger note after insert or update or delete on items
        for each row execute function log.note();
      alter table items enable always trigger note`);
  const members = masters.map((database, i) => [names[i], { database, role: 'source' }] as const);
  config = await initialize(Object.fromEntries(members));
}, 60_000);

afterAll(async () => {
  await killReplicators();
  await Promise.all(masters.map((master) => master.drop()));
  await Promise.all(servers.map((server) => assertNothingLeft(server)));
}, 30_000);

/** Each transaction makes a row of its own, changes the one before and removes the one before that. */
function transactionOf(master: number): (n: number) => string {
  const id = (n: number) => n * names.length + master;
  return (n) => `
    begin;
    insert into items values (${id(n)}, 0, '${names[master]}');
    insert into events values ('${names[master]}', ${n});
    commit;
    update items set n = n + 1, v = v || '!' where id = ${id(n - 1)};
    ${n % 3 === 0 ? `delete from items where id = ${id(n - 2)};` : ''}`;
}

async function walPositions(): Promise<bigint[]> {
  const rows = await Promise.all(
    masters.map((master) =>
      master.query(`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as at`),
    ),
  );
  return rows.map(([row]) => BigInt(row?.['at'] ?? 0));
}

async function progressOf(master: TestDatabase) {
  const [row] = await master.query(`
    select sum(inserts)::int as inserts, sum(updates)::int as updates, sum(deletes)::int as deletes
    from replicator.progress`);
  return row;
}

test('every change is applied masters - 1 times, and nothing is sent back', async () => {
  const replicator = startReplicator(config);
  await replicator.waitForLog('streaming');
  // one client each, so that n counts what was committed
  const loads = masters.map((master, i) =>
    startLoad(master, { clients: 1, pauseMs: 0, transaction: transactionOf(i) }),
  );
  while (loads.some(({ committed }) => committed < rowsEach)) await sleep(5);
  await Promise.all(loads.map((load) => load.stop()));
  await waitForAll(config);

  await expectEqual(masters, 'items');
  const events = await expectEqual(masters, 'events');
  const written = loads.reduce((sum, { committed }) => sum + committed, 0);
  expect(events).toMatch(new RegExp(`^${written} rows`));

  for (const [i, master] of masters.entries()) {
    // all that the other two have done, each of it once: also a third of the n is a delete
    const others = loads.filter((_, other) => other !== i);
    const sum = (of: (n: number) => number) =>
      others.reduce((total, { committed }) => total + of(committed), 0);
    const [applied] = await master.query(`
      select count(*) filter (where op = 'INSERT') as inserts,
             count(*) filter (where op = 'UPDATE') as updates,
             count(*) filter (where op = 'DELETE') as deletes,
             count(*) filter (where op = 'INSERT') - count(distinct id) filter (where op = 'INSERT')
               as twice
      from log.applied`);
    const expected = { inserts: sum((n) => n), updates: sum((n) => n - 1) };
    const deletes = sum((n) => Math.floor(n / 3));
    // the trigger sees what batching has left of the changes, the counters every one of them
    expect(Number(applied?.['twice'])).toBe(0);
    expect(Number(applied?.['inserts'])).toBeLessThanOrEqual(expected.inserts);
    expect(await progressOf(master)).toEqual({
      inserts: String(expected.inserts * 2), // items and events
      updates: String(expected.updates),
      deletes: String(deletes),
    });
  }

  // no echo: what is applied writes WAL, and an echo would be applied again and again
  // for as long as it circles; vacuum and checkpoints after the load end by themselves
  const before = await Promise.all(masters.map(progressOf));
  await eventually(
    async () => {
      const from = await walPositions();
      await sleep(3_000);
      return (await walPositions()).every((at, i) => at - (from[i] as bigint) < 20_000n);
    },
    { timeoutMs: 30_000, what: 'three seconds with hardly any WAL on every master' },
  );
  expect(await Promise.all(masters.map(progressOf))).toEqual(before);

  expect(replicator.logs.filter(({ msg }) => msg === 'conflicts')).toEqual([]);
  await stopCleanly(replicator);
  await tearDown(config);
}, 90_000);
