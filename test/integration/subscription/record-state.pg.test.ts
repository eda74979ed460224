// The state that is on the source in the end is the last one that was recorded.
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { StateRecorder } from '../../../src/subscription/record-state.ts';
import { createDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { eventually } from '../../support/eventually.ts';
import { holdLock } from '../../support/hold-lock.ts';
import { startServer } from '../../support/postgres-server.ts';
import { createProxy } from '../../support/proxy.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

const isOurs = () => true;
const tables = `${schemaStatements.join(';\n')};
  insert into replicator.subscriptions (target, system_identifier, database_oid) values ('b', '1', 1)`;

test('a state that is recorded when an earlier one has just been written', async () => {
  const database = await createDatabase(await sharedServer(newest), 'record state');
  await database.query(tables);
  const recorder = new StateRecorder(databaseConfig(database), isOurs, pino({ enabled: false }));
  {
    await using reader = await Session.connect(databaseConfig(database), {
      purpose: 'status',
      name: 'b',
    });
    const state = async () => {
      const [row] = await reader.query('select state from replicator.subscriptions');
      return row?.['state'];
    };
    for (let round = 0; round < 50; round++) {
      recorder.record('b', 'waiting', undefined);
      while ((await state()) !== 'waiting');
      recorder.record('b', 'streaming', undefined);
      await recorder.flush();
      expect(await state()).toBe('streaming');
    }
  }
  await database.drop();
});

const written = `select from replicator.subscriptions where state = 'waiting'`;

test('a state that could not be written is tried again by itself, while the source is ours', async () => {
  const database = await createDatabase(await sharedServer(newest), 'record state');
  await database.query(tables);
  const proxy = await createProxy(database.server.port);
  const config = databaseConfig(database, { port: proxy.port });
  let owned = true;
  const recorder = new StateRecorder(config, () => owned, pino({ enabled: false }));
  await proxy.refuse(true);
  recorder.record('b', 'waiting', undefined);
  await recorder.flush();
  owned = false;
  await proxy.refuse(false);
  await sleep(3_000);
  expect(await database.query(written)).toEqual([]);
  owned = true;
  await eventually(async () => (await database.query(written)).length === 1);

  await proxy.refuse(true);
  await database.query(`update replicator.subscriptions set state = 'failed'`);
  recorder.record('b', 'waiting', undefined);
  await recorder.close();
  await proxy.refuse(false);
  await sleep(3_000);
  expect(await database.query(written)).toEqual([]);
  await proxy.close();
  await database.drop();
}, 60_000);

const working = `select wait_event from pg_stat_activity
  where application_name like 'replicator/%' and datname = current_database()`;

test('a synchronous standby that is away does not hold it up', async () => {
  const server = await startServer({ major: newest, name: 'record-state' });
  const database = await createDatabase(server, 'record state');
  await database.query(tables);
  await server.set('synchronous_standby_names', 'away');
  const recorder = new StateRecorder(databaseConfig(database), isOurs, pino({ enabled: false }));
  recorder.record('b', 'waiting', undefined);
  await recorder.flush();
  expect(await database.query('select state from replicator.subscriptions')).toEqual([
    { state: 'waiting' },
  ]);
  expect(await database.query(working)).toEqual([]);
  await server.remove();
}, 60_000);

test('a lock that somebody holds is not waited for by a session that was given up', async () => {
  const database = await createDatabase(await sharedServer(newest), 'record state');
  await database.query(tables);
  const recorder = new StateRecorder(databaseConfig(database), isOurs, pino({ enabled: false }));
  const lock = await holdLock(database, 'select from replicator.subscriptions for update');
  recorder.record('b', 'waiting', undefined);
  await recorder.flush();
  expect(await database.query(working)).toEqual([]);
  await lock.release();
  await database.drop();
}, 60_000);
