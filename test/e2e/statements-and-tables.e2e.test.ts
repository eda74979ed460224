// Whatever statement changed a row, and whatever the table is like, the rows arrive as they are:
// between versions, in both directions, and where both databases write.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { stopCleanly, tearDown, untilStreaming, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { initializeFile } from '../support/synced-databases.ts';
import { queryText } from '../support/text-query.ts';
import { type Case, ddlOf } from './scenarios/case.ts';
import { statements } from './scenarios/statements.ts';
import { tables } from './scenarios/tables.ts';

type Name = 'a' | 'b';
const majors = { a: newest, b: oldest };

interface Run {
  readonly title: string;
  readonly each: Case;
  readonly schema: string;
  readonly from: Name;
  readonly to: Name;
}

const cases = Object.entries({ ...statements, ...tables });

/** A schema for each case and route: `a_b_7`. */
function runsOf(route: string, from: Name, to: Name, wanted: (each: Case) => boolean): Run[] {
  return cases.flatMap(([title, each], i) =>
    wanted(each) && majors[from] >= (each.since ?? 0) && majors[from] <= (each.until ?? 99)
      ? [{ title, each, schema: `${route}_${i}`, from, to }]
      : [],
  );
}

const routes: Readonly<Record<string, readonly Run[]>> = {
  a_b: runsOf('a_b', 'a', 'b', () => true),
  b_a: runsOf('b_a', 'b', 'a', () => true),
  both: runsOf('both', 'a', 'b', ({ oneWriter }) => oneWriter === undefined),
};

const databases = {} as Record<Name, TestDatabase>;
let config: string;
let replicator: ReplicatorProcess;

async function inSchema(name: Name, schema: string, sql: string) {
  const url = `${databases[name].url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;
  return await queryText(url, sql.replaceAll(':schema', schema));
}

/** All at once, several at a time: so their transactions meet in batches. Gives what SQL refused. */
async function perform(runs: readonly Run[]): Promise<Map<Run, unknown>> {
  const refused = new Map<Run, unknown>();
  const left = [...runs];
  const work = async () => {
    for (let run = left.shift(); run !== undefined; run = left.shift())
      try {
        for (const step of run.each.steps) await inSchema(run.from, run.schema, step);
      } catch (error) {
        refused.set(run, error);
      }
  };
  await Promise.all([work(), work(), work(), work()]);
  return refused;
}

beforeAll(async () => {
  for (const name of ['a', 'b'] as const)
    databases[name] = await createDatabase(await sharedServer(majors[name]), `statements ${name}`);
  for (const { each, schema, from, to } of Object.values(routes).flat()) {
    for (const name of [from, to]) {
      const ddl = ddlOf(each, { major: majors[name], isSource: name === from });
      await inSchema(name, schema, `create schema ${schema}; ${ddl}`);
    }
    await inSchema(from, schema, each.before ?? '');
    // where both write nothing is copied: they begin as equals
    if (schema.startsWith('both'))
      await inSchema(to, schema, `set session_replication_role = replica; ${each.before ?? ''}`);
  }
  const sync = (route: string, options: object) => [
    route,
    { relgroup: route, dbgroup: route, initial_copy: 'once', ...options },
  ];
  config = await initializeFile(
    writeConfig({
      databases: { a: { url: databases.a.url }, b: { url: databases.b.url } },
      relgroups: Object.fromEntries(
        Object.keys(routes).map((route) => [route, { tables: [`${route}_*.*`] }]),
      ),
      dbgroups: {
        a_b: { a: 'source', b: 'target' },
        b_a: { b: 'source', a: 'target' },
        both: { a: 'source', b: 'source' },
      },
      syncs: Object.fromEntries([
        sync('a_b', {}),
        sync('b_a', {}),
        sync('both', { initial_copy: 'none' }),
      ]),
    }),
  );
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a'], { timeoutMs: 60_000 });
}, 180_000);

afterAll(async () => {
  await killReplicators();
  for (const database of Object.values(databases)) await database.drop();
  for (const { server } of Object.values(databases)) await assertNothingLeft(server);
});

/** Every table that the source publishes in the schema, by its columns in the order of their names. */
async function published(name: Name, schema: string) {
  return await inSchema(
    name,
    schema,
    `select quote_ident(c.relname) as table,
       coalesce(string_agg(quote_ident(a.attname), ', ' order by a.attname), '') as columns
     from pg_publication_tables p
     join pg_class c on c.relname = p.tablename and c.relnamespace = ':schema'::regnamespace
     left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where p.schemaname = ':schema' group by 1 order by 1`,
  );
}

async function expectEqual({ schema, from, to }: Run): Promise<void> {
  const found = await published(from, schema);
  expect(found).not.toEqual([]);
  for (const { table, columns } of found) {
    const only = await inSchema(
      from,
      schema,
      `select from pg_inherits where inhrelid = '${table}'::regclass
      or inhparent = '${table}'::regclass and exists (select from pg_class where oid = inhparent and relkind = 'r')`,
    );
    const sql = `select count(*) || ' rows ' || coalesce(md5(string_agg(h, '' order by h)), '') as sum
      from (select md5(row(${columns})::text) as h from ${only.length > 0 ? 'only' : ''} ${table}) x`;
    const [here, there] = [await inSchema(from, schema, sql), await inSchema(to, schema, sql)];
    expect(there, `${schema}.${table}`).toEqual(here);
  }
}

for (const [route, runs] of Object.entries(routes))
  describe(route, () => {
    let refused: Map<Run, unknown>;

    beforeAll(async () => {
      refused = await perform(runs);
      const stopped = replicator
        .waitForLog(({ level }) => level === 'error', { timeoutMs: 100_000 })
        .then((line) => Promise.reject(new Error(JSON.stringify(line))));
      stopped.catch(() => undefined);
      await Promise.race([waitForAll(config, '60s'), stopped]);
    }, 120_000);

    test.each(runs.map((run) => [run.title, run] as const))('%s', async (_, run) => {
      const { each, schema, to } = run;
      expect(refused.get(run)).toBe(undefined);
      await expectEqual(run);
      for (const [sql, rows] of Object.entries(each.there ?? {})) {
        const found = await inSchema(to, schema, `select x::text as row from (${sql}) x`);
        expect(
          found.map(({ row }) => row),
          sql,
        ).toEqual(rows);
      }
    });
  });

test('nothing stopped, and nothing is left', async () => {
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  await stopCleanly(replicator);
  await tearDown(config);
});
