// Whatever a column can hold arrives as it was, by the initial copy, by insert, update and delete, as
// a key and where only the whole row tells it from others; between versions, in both directions.
import { afterAll, afterEach, expect, test } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { stopCleanly, tearDown, untilStreaming, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { initializeFile } from '../support/synced-databases.ts';
import {
  builtInTypes,
  type TypeCase,
  typeDefinitions,
  userTypes,
} from '../support/types-and-values.ts';

const databases: TestDatabase[] = [];

afterEach(killReplicators);

afterAll(async () => {
  for (const database of databases) await database.drop();
  for (const server of new Set(databases.map((database) => database.server)))
    await assertNothingLeft(server);
});

/** Types that exist on every one of these versions. */
function typesOn(majors: readonly number[]): TypeCase[] {
  return [...builtInTypes, ...userTypes].filter(
    ({ since = 0, until = 99 }) => Math.min(...majors) >= since && Math.max(...majors) <= until,
  );
}

/** By id, without any key, and by the value itself. */
const bareOf = (type: string) => type.replace(/ collate .*/, '');
const elementOf = ({ type, isArray }: Pick<TypeCase, 'type' | 'isArray'>) =>
  isArray === true ? 'int' : bareOf(type);

function tablesOf({ type, key, isArray = false }: TypeCase, name: string): string[] {
  const element = elementOf({ type, isArray });
  return [
    `create table ${name}_id (id int primary key, v ${type}, a ${element}[]);`,
    `create table ${name}_full (v ${type}, a ${element}[]); alter table ${name}_full replica identity full;`,
    ...(key === true ? [`create table ${name}_key (v ${type} primary key, n int);`] : []),
  ];
}

const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

function inserts(
  { type, values, key, isArray = false }: TypeCase,
  name: string,
  from: number,
): string[] {
  const bare = bareOf(type);
  const element = elementOf({ type, isArray });
  return values.flatMap((value, i) => {
    const v = `${literal(value)}::${bare}`;
    const e = isArray ? '1' : v;
    const arrays = [
      `array[${e}, null, ${e}]`,
      `array[[${e}, null], [null, ${e}]]`,
      `('[-1:0]=' || array[${e}, ${e}]::text)::${element}[]`,
      `'{}'::${element}[]`,
    ];
    const a = arrays[(i + from) % arrays.length];
    return [
      `insert into ${name}_id values (${from + i}, ${v}, ${a});`,
      `insert into ${name}_full select ${v}, ${a} from generate_series(1, 3);`,
      ...(key === true && from === 0 ? [`insert into ${name}_key values (${v}, ${i});`] : []),
    ];
  });
}

function changes({ type, values, key, isArray }: TypeCase, name: string): string[] {
  const bare = bareOf(type);
  const one = (table: string) => `ctid = (select min(ctid) from ${table} where v is not null)`;
  const first = `${literal(values[0] ?? '')}::${bare}`;
  return [
    `insert into ${name}_id values (1000, null, null), (1001, null, '{}');`,
    `insert into ${name}_full values (null, null), (null, '{}');`,
    `update ${name}_id t set v = s.v, a = s.a from ${name}_id s where s.id = (t.id + 1) % ${values.length};`,
    `update ${name}_id set v = ${first} where id = 1000;`,
    `delete from ${name}_id where id % 5 = 4;`,
    `update ${name}_full set a = array[${isArray ? '1' : 'v'}, null] where ${one(`${name}_full`)};`,
    `delete from ${name}_full where ${one(`${name}_full`)};`,
    `update ${name}_full set v = null where ${one(`${name}_full`)};`,
    `update ${name}_full set v = ${first} where v is null and a is null;`,
    ...(key === true
      ? [
          `update ${name}_key set n = n + 100;`,
          ...(values.length > 1
            ? [
                `with gone as (delete from ${name}_key where n = 101 returning v)
                 select 1; delete from ${name}_key where n = 101;`,
                `update ${name}_key set v = ${literal(values[1] ?? '')}::${bare} where n = 100;`,
              ]
            : []),
        ]
      : []),
  ];
}

async function sums(database: TestDatabase, tables: readonly string[]) {
  const each = tables.map(
    (table) => `select '${table}' as name, count(*) as rows,
      md5(coalesce(string_agg(h, '' order by h), '')) as sum
      from (select md5(t::text) as h from ${table} t) x`,
  );
  return await database.query(`${each.join(' union all ')} order by name`);
}

test('every built-in type that a column can have is among the cases', async () => {
  const server = await sharedServer(newest);
  const rows = await server.query(
    'postgres',
    `select format_type(oid, null) as type from pg_type t
     where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm')
       and typelem = 0 and typcategory <> 'Z' order by 1`,
  );
  const known = await server.query(
    'postgres',
    `select distinct format_type(v::regtype, null) as type from unnest($1::text[]) v`,
    [builtInTypes.filter(({ since = 0 }) => since <= newest).map(({ type }) => type)],
  );
  const has = new Set(known.map(({ type }) => type));
  // no input function: nobody can put them in a column
  const without = ['gtsvector', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list'];
  const missing = rows
    .map(({ type }) => type ?? '')
    .filter((type) => !has.has(type) && !without.includes(type));
  expect(missing).toEqual([]);
});

test('values of every type', async () => {
  const members = { a: newest, b: oldest, c: middle };
  const of = {} as Record<string, TestDatabase>;
  for (const [name, major] of Object.entries(members)) {
    const database = await createDatabase(await sharedServer(major), `values ${name}`);
    databases.push(database);
    of[name] = database;
    await database.query(typeDefinitions(major));
  }
  const routes = [
    { from: 'a', to: ['b', 'c'] },
    { from: 'b', to: ['a'] },
    { from: 'c', to: ['a'] },
  ].map(({ from, to }) => {
    const all = [from, ...to];
    const types = typesOn(all.map((name) => members[name as keyof typeof members]));
    const names = types.map((_, i) => `from_${from}.t${i}`);
    return { from, to, all, types, names };
  });
  for (const { from, all, types, names } of routes)
    for (const name of all)
      await of[name]?.query(
        [
          `create schema from_${from};`,
          ...types.flatMap((type, i) => tablesOf(type, names[i] ?? '')),
        ].join('\n'),
      );
  const run = async (make: (type: TypeCase, name: string) => string[]) => {
    for (const { from, types, names } of routes)
      await of[from]?.query(types.flatMap((type, i) => make(type, names[i] ?? '')).join('\n'));
  };
  await run((type, name) => inserts(type, name, 0));
  const config = await initializeFile(
    writeConfig({
      databases: Object.fromEntries(Object.entries(of).map(([name, { url }]) => [name, { url }])),
      relgroups: Object.fromEntries(
        routes.map(({ from }) => [`from_${from}`, { tables: [`from_${from}.*`] }]),
      ),
      dbgroups: Object.fromEntries(
        routes.map(({ from, to }) => [
          `from_${from}`,
          { [from]: 'source', ...Object.fromEntries(to.map((name) => [name, 'target'])) },
        ]),
      ),
      syncs: Object.fromEntries(
        routes.map(({ from }) => [
          `from_${from}`,
          { relgroup: `from_${from}`, dbgroup: `from_${from}`, initial_copy: 'once' },
        ]),
      ),
    }),
  );
  const replicator = startReplicator(config);
  // what comes now is not in the copy any more
  await untilStreaming(replicator, ['a:b', 'a:c', 'b:a', 'c:a'], { timeoutMs: 90_000 });
  await run((type, name) => inserts(type, name, 100));
  await run((type, name) => changes(type, name));
  const stopped = replicator.waitForLog(({ level }) => level === 'error', { timeoutMs: 130_000 });
  await Promise.race([waitForAll(config, '120s'), stopped.catch(() => undefined)]);
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  for (const { from, to, types, names } of routes) {
    const tables = types.flatMap(({ key }, i) =>
      ['id', 'full', ...(key === true ? ['key'] : [])].map((kind) => `${names[i]}_${kind}`),
    );
    const expected = await sums(of[from] as TestDatabase, tables);
    expect(expected.filter(({ rows }) => rows === '0')).toEqual([]);
    for (const name of to)
      expect(await sums(of[name] as TestDatabase, tables), `${from} → ${name}`).toEqual(expected);
  }
  await stopCleanly(replicator);
  expect(replicator.logs.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  await tearDown(config);
}, 240_000);
