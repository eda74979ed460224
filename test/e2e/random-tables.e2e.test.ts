// Tables and histories by chance are equal on a target of another version, in both directions. What is
// not shrinks to a small script.
import { test } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { removeLeftovers } from '../support/leftovers.ts';
import { stopCleanly, tearDown, untilStreaming, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { initializeFile } from '../support/synced-databases.ts';
import { queryText } from '../support/text-query.ts';
import { typeDefinitions } from '../support/types-and-values.ts';
import {
  createTable,
  fill,
  type RandomTable,
  randomTable,
  scriptOf,
} from './scenarios/random-tables.ts';
import { expectNoTrouble } from './scenarios/shrink-to-script.ts';

const databases: TestDatabase[] = [];

const majors = { a: newest, b: oldest };

interface Route {
  readonly schema: string;
  readonly from: TestDatabase;
  readonly to: TestDatabase;
  readonly table: RandomTable;
}

async function inSchema({ url }: TestDatabase, schema: string, sql: string) {
  const options = encodeURIComponent(`-c search_path=${schema},public`);
  return await queryText(`${url}?options=${options}`, sql);
}

/** Why they do not all arrive, if so: what stopped it, or which tables are not equal. */
async function troubleWith(tables: readonly RandomTable[]): Promise<string | undefined> {
  try {
    return await replicate(tables);
  } finally {
    await killReplicators();
    const servers = new Set(databases.map(({ server }) => server));
    for (const database of databases.splice(0)) await database.drop();
    for (const server of servers) await removeLeftovers(server);
  }
}

/** Every second table goes the other way. */
async function replicate(tables: readonly RandomTable[]): Promise<string | undefined> {
  const [a, b] = [
    await createDatabase(await sharedServer(majors.a), 'random a'),
    await createDatabase(await sharedServer(majors.b), 'random b'),
  ];
  databases.push(a, b);
  await a.query(typeDefinitions(majors.a));
  await b.query(typeDefinitions(majors.b));
  const routes = tables.map((table, i): Route => {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    return { schema: `${i % 2 === 0 ? 'ab' : 'ba'}_${i}`, from, to, table };
  });
  for (const { schema, from, to, table } of routes) {
    await inSchema(from, schema, `create schema ${schema}; ${createTable(table, 'source')}`);
    await inSchema(to, schema, `create schema ${schema}; ${createTable(table, 'target')}`);
    await inSchema(from, schema, fill(table));
  }
  const config = await initializeFile(
    writeConfig({
      databases: { a: { url: a.url }, b: { url: b.url } },
      relgroups: { ab: { tables: ['ab_*.*'] }, ba: { tables: ['ba_*.*'] } },
      dbgroups: { ab: { a: 'source', b: 'target' }, ba: { b: 'source', a: 'target' } },
      syncs: {
        ab: { relgroup: 'ab', dbgroup: 'ab', initial_copy: 'once' },
        ba: { relgroup: 'ba', dbgroup: 'ba', initial_copy: 'once' },
      },
    }),
  );
  const replicator = startReplicator(config);
  // the first while it is copied, the others as it streams
  for (const { schema, from, table } of routes)
    await inSchema(from, schema, scriptOf(table)[0] ?? '');
  const stopped = replicator
    .waitForLog(({ level }) => level === 'error', { timeoutMs: 150_000 })
    .then(({ msg }) => msg);
  stopped.catch(() => undefined);
  const arrived = async () => {
    await untilStreaming(replicator, ['a:b', 'b:a'], { timeoutMs: 60_000 });
    for (const { schema, from, table } of routes)
      for (const sql of scriptOf(table).slice(1)) await inSchema(from, schema, sql);
    await waitForAll(config, '120s');
  };
  const trouble = await Promise.race([stopped, arrived()]);
  if (trouble !== undefined) return trouble;
  const unequal: string[] = [];
  for (const { schema, from, to, table } of routes) {
    const names = ['id', ...table.columns.map((_, i) => `c${i}`)].join(', ');
    const sum = `select count(*) || ' ' || coalesce(md5(string_agg(h, '' order by h)), '') as sum
      from (select md5(row(${names})::text) as h from t) x`;
    const [here, there] = [await inSchema(from, schema, sum), await inSchema(to, schema, sum)];
    if (here[0]?.['sum'] !== there[0]?.['sum']) unequal.push(schema);
  }
  await stopCleanly(replicator);
  await tearDown(config);
  return unequal.length > 0 ? `not equal: ${unequal.join(', ')}` : undefined;
}

const both = (tables: readonly RandomTable[]) => tables.flatMap((table) => [table, table]);

test('random tables with random histories', async () => {
  await expectNoTrouble(
    {
      specimen: randomTable([newest, oldest]),
      // alone it goes both ways
      troubleWith: (tables) => troubleWith(tables.length === 1 ? both(tables) : tables),
      scriptOf: (table) => [
        createTable(table, 'source'),
        createTable(table, 'target'),
        fill(table),
        ...scriptOf(table),
      ],
    },
    60,
  );
}, 900_000);
