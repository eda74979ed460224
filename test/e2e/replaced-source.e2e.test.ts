// A source that was rebuilt under its old name (dump and restore into a new cluster) begins at a
// lower position than its targets have stored: what it writes must not be taken for applied.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

let former: PostgresServer;
let rebuilt: PostgresServer;

beforeAll(async () => {
  former = await startServer({ major: newest, name: 'former' });
  rebuilt = await startServer({ major: newest, name: 'rebuilt' });
}, 60_000);

afterAll(async () => {
  await former.remove();
  await rebuilt.remove();
});

test('progress of a source that was replaced is refused', async () => {
  const b = await createDatabase(await sharedServer(newest), 'replaced source b');
  const [a1, a2] = [await createDatabase(former, 'a'), await createDatabase(rebuilt, 'a')];
  for (const database of [a1, a2, b]) await database.query('create table t (id int primary key)');
  for (let i = 0; i < 3; i++) {
    await a1.query('insert into t values ($1)', [String(i)]);
    await former.query('postgres', 'select pg_switch_wal()');
  }
  expect(
    await runCli(['init', '-c', writeSyncFile({ a: source(a1), b: target(b) })]),
  ).toMatchObject({
    code: 0,
  });

  const config = writeSyncFile({ a: source(a2), b: target(b) });
  const { code, stderr } = await runCli(['init', '-c', config]);
  expect({ code, stderr }).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('another a'),
  });

  await runCli(['teardown', '-c', config]);
  expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
  await runCli(['teardown', '-c', config]);
  await a1.drop();
  await a2.drop();
  await b.drop();
});
