// Which tables of its own a database must remember something of, when one comes in its own stream.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { ownTables } from '../../../src/snapshot/own-tables.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, oldest, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf } from '../setup/preflight-fixture.ts';

describe.each([oldest, newest])('on PostgreSQL %i', (major) => {
  let a: TestDatabase;
  let config: Config;

  beforeEach(async () => {
    a = await createDatabase(await sharedServer(major), 'own tables');
    await a.query(`${schemaStatements.join(';')};
      insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied, target_oid)
      values ('b', 'public', 'shared', 's', '0/1', false, 7)`);
    const members = {
      a: { database: a, role: 'source' },
      b: { database: a, role: 'source' },
    } as const;
    const several = configOf(members, { tables: ['public.shared*'] });
    const one = configOf(
      { ...members, b: { ...members.b, role: 'target' } },
      { tables: ['public.archive'] },
    );
    config = { ...several, syncs: [...several.syncs, ...one.syncs] };
  });

  afterEach(async () => await a.drop());

  test('those that others write to, whatever they are called by now', async () => {
    await using session = await Session.connect(databaseConfig(a, { name: 'a' }), {
      purpose: 'control',
      name: 'a',
    });
    const find = await ownTables(config, session);
    const isWanted = (oid: number, name: string) =>
      find({ oid, schema: 'public', name }) !== undefined;
    expect(isWanted(1, 'shared')).toBe(true);
    expect(isWanted(2, 'archive')).toBe(false);
    // the file does not know it, so it had another name
    expect(isWanted(3, 'renamed')).toBe(true);
    // renamed to what the file gives to one writer: it was seen here, or takes what comes from others
    expect(isWanted(1, 'archive')).toBe(true);
    expect(isWanted(7, 'archive')).toBe(true);
  });
});
