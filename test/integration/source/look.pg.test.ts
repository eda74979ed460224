// How late others' changes arrive at a source, as it is read there.
import { afterEach, expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { lookAtSource } from '../../../src/source/look.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';

let database: TestDatabase;

afterEach(async () => await database.drop());

test.each(majors)('the lag of the slowest, not of its own stream: PostgreSQL %i', async (major) => {
  database = await createDatabase(await sharedServer(major), 'look');
  await using session = await Session.connect(databaseConfig(database, { name: 'a' }), {
    purpose: 'control',
    name: 'a',
  });
  const lagMs = async () => (await lookAtSource(session)).lagMs;
  expect(await lagMs()).toBe(0);
  await database.query(`${schemaStatements.join(';\n')};
    insert into replicator.installation (schema_version, database, system_identifier, database_oid)
      values (1, 'a', '1', 1);
    insert into replicator.progress (source, origin, lsn, commit_time, applied_at) values
      ('a', 'a', '0/1', '2026-01-01 00:00:00', '2026-01-01 01:00:00'),
      ('new', 'new', '0/1', null, null),
      ('b', 'b', '0/1', '2026-01-01 00:00:00', '2026-01-01 00:00:02.5004'),
      ('c', 'c', '0/1', '2026-01-01 00:00:00', '2026-01-01 00:00:01')`);
  expect(await lagMs()).toBe(2500);
});
