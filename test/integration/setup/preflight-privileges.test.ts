// A role that has nothing is told everything that it lacks; what is printed can be executed as it
// is, is enough, and no statement of it is superfluous.
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { quoteIdentifier } from '../../../src/postgres/identifiers.ts';
import { grantStatements } from '../../../src/setup/grants.ts';
import { exitCodeOf } from '../../../src/setup/preflight/exit-code.ts';
import { gatherFacts } from '../../../src/setup/preflight/gather-facts.ts';
import { findingsOf, preflight } from '../../../src/setup/preflight.ts';
import { openApplySession } from '../../../src/target/apply/apply-session.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
import { briefly, configOf, createRole, dropOrigins, dropRole, init } from './preflight-fixture.ts';

const owner = 'preflight owner';
// 63 bytes, the longest that a name can be
const role = `replicator "a" 'b' 🦆 ${'x'.repeat(39)}`;

let databases: TestDatabase[] = [];

afterEach(async () => {
  const server = databases[0]?.server;
  for (const name of [role, owner])
    for (const database of databases) await dropRole(database, name, database === databases.at(-1));
  for (const database of databases) await database.drop();
  databases = [];
  if (server) await dropOrigins(server);
  if (server) await assertNothingLeft(server);
});

async function twoDatabases(major: (typeof majors)[number]): Promise<Config> {
  const server = await sharedServer(major);
  const source = await createDatabase(server, 'preflight a');
  const target = await createDatabase(server, 'preflight b');
  databases = [source, target];
  await createRole(source, role);
  await createRole(source, owner);
  for (const database of databases)
    await database.query(`
      revoke all on schema public from public;
      create schema "select";
      create table "select"."a""b" (id int primary key, v text);
      create table "select"."of superuser" (id int primary key, v text);
      alter table "select"."a""b" owner to ${quoteIdentifier(owner)};
      alter schema "select" owner to ${quoteIdentifier(owner)};
      alter table "select"."a""b" enable row level security`);
  const user = role;
  return configOf(
    {
      a: { database: source, role: 'source', user },
      b: { database: target, role: 'target', user },
    },
    { tables: ['"select".*'] },
  );
}

const byName = (name: string) => databases[name === 'a' ? 0 : 1] as TestDatabase;

async function missing(config: Config): Promise<{ database: string; sql: string }[]> {
  return grantStatements(await gatherFacts(config));
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('what is printed is enough, and nothing of it is superfluous', async () => {
    const config = await twoDatabases(major);
    const before = await preflight(config, { categories: ['privilege'] });
    expect(exitCodeOf(before)).toBe(77);
    const checks = new Set(briefly(before));
    expect([...checks].sort()).toEqual(
      [
        'error replication-attribute a',
        'error replica-role b',
        'error database-create a',
        'error database-create b',
        'error origin-functions b',
        'error ownership a select."a""b"',
        'error ownership a select."of superuser"',
        'error tables a',
        'error tables b',
        'error tables b select."a""b"',
        'error tables b select."of superuser"',
        'error row-security b select."a""b"',
      ].sort(),
    );
    const statements = await missing(config);
    for (const { database, sql } of statements) {
      // what 13 needs for origins goes together
      if (!sql.includes('replicator'))
        expect(await missing(config)).toContainEqual({ database, sql });
      await byName(database).query(sql);
    }
    expect(briefly(await preflight(config, { categories: ['privilege'] }))).toEqual([]);
    expect(await missing(config)).toEqual([]);
  });

  test('with that the role can set everything up and apply changes', async () => {
    const config = await twoDatabases(major);
    // on 13 a superuser runs init once, and the role gets what was made there
    if (major === 13) await init(asSuperuser(config));
    for (const { database, sql } of await missing(config)) await byName(database).query(sql);
    expect(await missing(config)).toEqual([]);
    await init(config);
    expect(briefly(await preflight(config)).filter((line) => line.startsWith('error'))).toEqual([]);
    const target = config.databases.get('b');
    if (!target) throw new Error('no target');
    const lineage = { owners: new Map(), timeline: 1n, leftAt: async () => undefined };
    const options = { source: 'a', epoch: 1n, lineage, lockTimeoutMs: 1000 };
    const { session } = await openApplySession(target, options);
    await session.query(`insert into "select"."a""b" values (1, 'x')`);
    await session.query(`update replicator.progress set epoch = epoch + 1`);
    await session.close();
  });
});

function asSuperuser(config: Config): Config {
  const all = [...config.databases].map(
    ([name, database]) => [name, { ...database, user: 'postgres' }] as const,
  );
  return { ...config, databases: new Map(all) };
}

test.each(majors)('a superuser lacks nothing on PostgreSQL %i', async (major) => {
  const config = asSuperuser(await twoDatabases(major));
  const facts = await gatherFacts(config);
  expect(grantStatements(facts)).toEqual([]);
  expect(findingsOf(facts, { categories: ['privilege'] })).toEqual([]);
});
