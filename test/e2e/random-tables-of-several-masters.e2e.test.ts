// Tables by chance that three masters of different versions write to, with histories by chance: first while
// nothing goes between them, then all at once. All end with the same rows; what does not shrinks to a script.
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { removeLeftovers } from '../support/leftovers.ts';
import { stopCleanly, tearDown, untilStreaming, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { initializeFile } from '../support/synced-databases.ts';
import { typeDefinitions } from '../support/types-and-values.ts';
import {
  type ContestedTable,
  contestedTable,
  createTable,
  fill,
  scriptOf,
} from './scenarios/random-tables.ts';
import { expectNoTrouble } from './scenarios/shrink-to-script.ts';

const majors = [newest, oldest, middle];
const names = ['a', 'b', 'c'];

interface Transaction {
  readonly place: number;
  readonly sql: string;
}

const inSchema = (schema: string, sql: string) => `set search_path = ${schema}, public; ${sql}`;

const transactionsOf = (table: ContestedTable): Transaction[] =>
  scriptOf(table).map((sql, i) => ({ place: (table.places[i] ?? 0) % majors.length, sql }));

async function troubleWith(tables: readonly ContestedTable[]): Promise<string | undefined> {
  const masters: TestDatabase[] = [];
  try {
    for (const [i, major] of majors.entries())
      masters.push(await createDatabase(await sharedServer(major), `contested ${names[i]}`));
    return await replicate(masters, tables);
  } finally {
    await killReplicators();
    for (const { server } of masters) await removeLeftovers(server);
    for (const master of masters) await master.drop();
  }
}

async function replicate(
  masters: readonly TestDatabase[],
  tables: readonly ContestedTable[],
): Promise<string | undefined> {
  const schemas = tables.map((table, i) => ({ schema: `s_${i}`, table }));
  await Promise.all(masters.map((master, i) => prepare(master, i, schemas)));
  const config = await initializeFile(fileFor(masters));
  const perform = async (schema: string, { place, sql }: Transaction) =>
    await unlessDeadlocked(() => masters[place]?.query(inSchema(schema, sql)));

  const halves = schemas.map(({ schema, table }) => {
    const all = transactionsOf(table);
    const half = Math.ceil(all.length / 2);
    return { schema, apart: all.slice(0, half), together: all.slice(half) };
  });
  for (const { schema, apart } of halves) for (const each of apart) await perform(schema, each);
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a', 'c:a'], { timeoutMs: 60_000 });
  const stopped = replicator
    .waitForLog(({ level }) => level === 'error', { timeoutMs: 150_000 })
    .then(({ msg }) => msg);
  stopped.catch(() => undefined);
  const arrived = async () => {
    const at = async (place: number) => {
      for (const { schema, together } of halves)
        for (const each of together) if (each.place === place) await perform(schema, each);
    };
    await Promise.all(masters.map((_, place) => at(place)));
    await waitForAll(config, '120s');
  };
  const trouble = await Promise.race([stopped, arrived()]);
  if (trouble !== undefined) return trouble;

  // what a database makes of its own stream is not waited for
  const settledBy = performance.now() + 15_000;
  let unequal = await differing(masters, schemas);
  while (unequal.length > 0 && performance.now() < settledBy) {
    await sleep(200);
    unequal = await differing(masters, schemas);
  }
  if (unequal.length > 0) return await evidence(masters, schemas, unequal);
  if (tables.length > 20 && !(await conflicted(masters))) return 'there was no conflict at all';
  await stopCleanly(replicator);
  await tearDown(config);
  return undefined;
}

type Schemas = readonly { readonly schema: string; readonly table: ContestedTable }[];

/** The same rows everywhere; of the columns' order and of what was dropped, some differ. */
async function prepare(master: TestDatabase, place: number, schemas: Schemas): Promise<void> {
  await master.query(typeDefinitions(majors[place] ?? newest));
  for (const { schema, table } of schemas) {
    const ddl = createTable(table, place === 1 ? 'target' : 'source');
    await master.query([`create schema ${schema}`, inSchema(schema, ddl), fill(table)].join(';\n'));
  }
}

function fileFor(masters: readonly TestDatabase[]): string {
  const each = <T>(value: (master: TestDatabase) => T) =>
    Object.fromEntries(masters.map((master, i) => [names[i], value(master)]));
  return writeConfig({
    databases: each(({ url }) => ({ url })),
    relgroups: { all: { tables: ['s_*.*'] } },
    dbgroups: { all: each(() => 'source') },
    syncs: { all: { relgroup: 'all', dbgroup: 'all', initial_copy: 'none' } },
  });
}

/** A transaction of a client can lock rows in another order than what comes from elsewhere. */
async function unlessDeadlocked(attempt: () => Promise<unknown> | undefined): Promise<void> {
  for (;;)
    try {
      await attempt();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01') throw error;
    }
}

async function differing(masters: readonly TestDatabase[], schemas: Schemas): Promise<string[]> {
  const unequal: string[] = [];
  for (const { schema, table } of schemas) {
    const columns = ['id', ...table.columns.map((_, i) => `c${i}`)].join(', ');
    const sql = `select count(*) || ' ' || coalesce(md5(string_agg(h, '' order by h)), '') as sum
      from (select md5(row(${columns})::text) as h from ${schema}.t) x`;
    const sums = await Promise.all(
      masters.map(async (master) => (await master.query(sql))[0]?.['sum']),
    );
    if (new Set(sums).size > 1) unequal.push(schema);
  }
  return unequal;
}

/** It need not happen again: what is different, and what happened to the table. */
async function evidence(
  masters: readonly TestDatabase[],
  schemas: Schemas,
  unequal: readonly string[],
): Promise<string> {
  const [schema = ''] = unequal;
  const sql = `select xmin::text, pg_xact_commit_timestamp(xmin) as at, left(t::text, 300) as row
    from ${schema}.t order by id`;
  const rows = await Promise.all(masters.map(async (master) => await master.query(sql)));
  const table = schemas.find((each) => each.schema === schema)?.table;
  return [
    `not equal: ${unequal.join(', ')}`,
    ...rows.map((each, i) => `${names[i]}: ${JSON.stringify(each, null, 1)}`),
    ...(table === undefined ? [] : wholeScript(table)),
  ].join('\n');
}

const wholeScript = (table: ContestedTable): string[] => [
  createTable(table, 'source'),
  createTable(table, 'target'),
  fill(table),
  ...transactionsOf(table).map(({ place, sql }) => `-- on ${names[place]}\n${sql}`),
];

async function conflicted(masters: readonly TestDatabase[]): Promise<boolean> {
  const counts = await Promise.all(
    masters.map(async (master) => await master.query('select 1 from replicator.conflicts limit 1')),
  );
  return counts.some((rows) => rows.length > 0);
}

test('random tables with random histories on three masters', async () => {
  await expectNoTrouble(
    {
      specimen: contestedTable(majors),
      troubleWith,
      scriptOf: wholeScript,
    },
    30,
  );
}, 900_000);
