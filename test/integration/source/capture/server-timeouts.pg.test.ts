// Timeouts that an administrator sets for everybody end no stream: a large transaction may take as
// long as its slowest target.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { serverFacts } from '../../../../src/postgres/server-facts.ts';
import { Session } from '../../../../src/postgres/session.ts';
import { ReplicationStream } from '../../../../src/source/capture/replication-stream.ts';
import { createDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { eventually } from '../../../support/eventually.ts';
import { newest, sharedServer } from '../../../support/servers-for-tests.ts';

test.runIf(newest >= 17)('transaction_timeout', async () => {
  const server = await sharedServer(newest);
  const database = await createDatabase(server, 'server timeouts');
  await database.query('create table t (id int, v text); create publication p for table t');
  await database.query(`select pg_create_logical_replication_slot('server_timeouts', 'pgoutput')`);
  await database.query(
    `insert into t select i, repeat('x', 1000) from generate_series(1, 50000) i`,
  );
  await database.query(`alter database ${database.name} set transaction_timeout = '500ms'`);

  await using session = await Session.connect(databaseConfig(database), {
    purpose: 'control',
    name: 'a',
  });
  const tags: string[] = [];
  const stream = await ReplicationStream.open(databaseConfig(database), {
    slot: 'server_timeouts',
    publication: 'p',
    server: await serverFacts(session),
    onMessage: (bytes, start) => tags.push(bytes.toString('latin1', start, start + 1)),
    onKeepalive: () => {},
  });
  stream.pause();
  await sleep(1_500);
  stream.resume();
  await eventually(() => tags.at(-1) === 'C' || stream.ended.aborted);
  expect(stream.ended.reason).toBeUndefined();
  expect(tags.filter((tag) => tag === 'I')).toHaveLength(50_000);
  await stream.close();
  await session.close();
  await database.drop();
});
