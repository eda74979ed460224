// Keys of every type that can be one: either `check` refuses it where several databases write, or its
// hash agrees with the equality of the index, and is the same on every database.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashedKey, keyHash, rowKeyHash } from '../../../src/postgres/key-hash.ts';
import { Session } from '../../../src/postgres/session.ts';
import { readRelations } from '../../../src/setup/preflight/read/read-relations.ts';
import { readTables, type TableFacts } from '../../../src/setup/preflight/read/read-tables.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import { majors, newest, oldest, sharedServer } from '../../support/servers-for-tests.ts';
import {
  builtInTypes,
  type TypeCase,
  typeDefinitions,
  userTypes,
} from '../../support/types-and-values.ts';

/** Equal ones that are not the same text, and such that are near each other. */
const neighbours: readonly TypeCase[] = [
  { type: 'numeric', values: ['1', '1.0', '1.00', '2', '-1', 'NaN', '0', '0.00'] },
  { type: 'float8', values: ['0', '-0', '1', 'NaN', 'Infinity', '-Infinity'] },
  { type: 'interval', values: ['1 mon', '30 days', '720:00', '31 days', '-1 mon'] },
  { type: 'char(5)', values: ['a', 'a  ', 'b', ''] },
  { type: 'jsonb', values: ['{"a": 1.0}', '{"a": 1}', '{"b": 1}', '{}', '[]', '[[]]', '[{}]'] },
  { type: 'jsonb', values: ['1', '[1]', '[[1]]', '"1"', 'null', '[null]', 'true', '[1, 1]', '[]'] },
  { type: 'timetz', values: ['12:00+00', '13:00+01', '12:00+01'] },
  { type: 'bytea', values: ['\\x', '\\x00', '\\x0000'] },
  { type: 'ext.citext', values: ['a', 'A', 'b'] },
  { type: 'ext.hstore', values: ['', 'a=>1', 'a=>NULL', 'a=>""', 'b=>2,a=>1', 'a=>1,b=>2'] },
  { type: 'text collate kinds.nocase', values: ['a', 'A', 'b'] },
  { type: 'numeric[]', values: ['{1.0}', '{1}', '{2}', '[2:2]={1}', '{{1}}', '{}', '{1,1}'] },
  {
    type: 'int[]',
    values: ['{}', '{null}', '{0}', '{null,null}', '{{1,2}}', '{1,2}', '{{1},{2}}'],
  },
  { type: 'numrange', values: ['[1,2)', '[1.0,2.00)', '(1,2)', '[1,2]', '(,2)', '(,)', 'empty'] },
  { type: 'nummultirange', values: ['{}', '{[1,2)}', '{[1.0,2)}', '{[1,2),[3,4)}'], since: 14 },
  { type: 'inet', values: ['10.0.0.0/8', '10.0.0.0', '10.0.0.0/9', '::a00:0/104'] },
  { type: 'varbit', values: ['', '0', '00', '1'] },
  { type: 'kinds.amount', values: ['(1,x)', '(-1,x)', '(1.0,x)'] },
  { type: 'kinds.amount[]', values: ['{"(1,x)"}', '{"(-1,x)"}'] },
  { type: 'kinds.felt', values: ['(so so,1)', '(so so,2)', '(,1)'] },
  { type: 'kinds.amounts', values: ['[1,2)', '[-1,2)', '[1.0,2)'] },
  { type: 'money', values: ['1.00', '-1.00', '0.01'] },
];

const bareOf = (type: string) => type.replace(/ collate .*/, '');

const arrays = [...builtInTypes, ...userTypes]
  .filter(({ type, key, isArray }) => key === true && isArray !== true && !type.includes('collate'))
  .map((each) => ({ ...each, type: `${each.type}[]`, values: ['{}', '{null}', '{null,null}'] }));

/** Each with a table that it is the key of. */
const casesOf = (major: number) =>
  [...builtInTypes, ...userTypes, ...neighbours, ...arrays]
    .filter(({ since = 0, until = 99 }) => major >= since && major <= until)
    .map((each, i) => ({ ...each, name: `t${i}` }));

/** A type without btree can be no key. */
const tablesOf = (cases: readonly { type: string; name: string }[]) => {
  const definitions = cases.map(
    ({ type, name }) => `begin create table ${name} (k ${type} primary key);
      exception when undefined_object then null; end;`,
  );
  return `do $do$ begin ${definitions.join('\n')} end $do$`;
};

const rowsOf = ({ type, values }: TypeCase) =>
  values.map((value) => `('${value.replaceAll("'", "''")}'::${bareOf(type)})`).join(', ');

async function readAll(session: Session): Promise<ReadonlyMap<string, TableFacts>> {
  const relgroup = { name: 'r', tables: ['public.*'], exclude: [] };
  return await readTables(session, (await readRelations(session, [relgroup])).publishable);
}

describe.each(majors)('PostgreSQL %i', (major) => {
  const cases = casesOf(major);
  let database: TestDatabase;
  let session: Session;
  let tables: ReadonlyMap<string, TableFacts>;

  beforeAll(async () => {
    database = await createDatabase(await sharedServer(major), 'key hash');
    await database.query(typeDefinitions(major));
    session = await Session.connect(databaseConfig(database), { purpose: 'apply', name: 'b' });
    await database.query(tablesOf(cases));
    tables = await readAll(session);
  }, 60_000);

  afterAll(async () => {
    await session.close();
    await database.drop();
    await assertNothingLeft(database.server);
  });

  const refused = () =>
    cases
      .filter(({ name }) => tables.get(`public.${name}`)?.unhashableColumns.includes('k'))
      .map(({ type }) => type);

  test.each(cases)('$type', async ({ name, ...each }) => {
    const { type } = each;
    const table = tables.get(`public.${name}`);
    if (table === undefined || table.unhashableColumns.includes('k')) return;
    const key = hashedKey(table) ?? [];
    const rows = rowsOf(each);
    const hashed = `select t.k ${/collate .*/.exec(type)?.[0] ?? ''} as k, ${rowKeyHash(key)} as h
      from (select k::${bareOf(type)} as k from (values ${rows}) v (k)) t`;
    const equals = table.keys[0]?.operators[0];
    const castType = table.columns[0]?.castType;
    const wrong = await session.query(
      `select a.k::text as a, b.k::text as b from (${hashed}) a, (${hashed}) b
       where (a.k ${equals} b.k::${castType}) <> (a.h = b.h)`,
    );
    expect(wrong).toEqual([]);
    // as the last of several columns
    const seeded = (seed: string) =>
      keyHash(key, () => `k::${castType}${/ collate .*/.exec(type)?.[0] ?? ''}`, { seed });
    const forgotten = await session.query(
      `select k::text from (values ${rows}) v (k) where ${seeded('1')} = ${seeded('2')}`,
    );
    expect(forgotten).toEqual([]);
  });

  test('few are refused', () => {
    const always = ['kinds.nested', 'ext.cube', 'ext.seg', 'ext.isbn13', 'kinds.mooded[]'];
    always.push(...['money', 'bit(5)', 'bit', 'varbit', 'varbit(9)'].map((type) => `${type}[]`));
    always.push(...['ext.cube', 'ext.seg', 'ext.isbn13'].map((type) => `${type}[]`));
    always.push('kinds.amount', 'kinds.amount[]', 'kinds.amounts', 'kinds.felt');
    const records = ['kinds.pair', 'kinds.checked', 'kinds.pair[]', 'kinds.checked[]'];
    const ltree = ['ext.ltree', 'ext.ltree[]'];
    expect(refused().sort()).toEqual(
      [...always, ...(major < 14 ? records : []), ...(major < 17 ? ltree : [])].sort(),
    );
  });
});

// Tombstones and claims go along with a copy, from a database to another.
describe('on every database', () => {
  const cases = casesOf(oldest).map(({ name, ...each }) => ({ ...each, name: `${name}_of_all` }));
  const places = { type: 'regclass', values: ['kinds.place'], name: 'places' };
  cases.push(places, { ...places, type: 'regclass[]', values: ['{kinds.place}'], name: 'routes' });
  const all: {
    database: TestDatabase;
    session: Session;
    tables: ReadonlyMap<string, TableFacts>;
  }[] = [];

  beforeAll(async () => {
    for (const [i, major] of [oldest, newest].entries()) {
      const database = await createDatabase(await sharedServer(major), `key hash of all ${i}`);
      // so that oids and attnums are others
      const before = i === 0 ? '' : 'create table gone (); drop table gone;';
      const [dropped, drop] = i === 0 ? ['', ''] : ['gone int,', 'alter table u drop gone;'];
      await database.query(`${before} ${typeDefinitions(major)} create table kinds.place ();
        create table u (${dropped} id int, a int, b int unique, "b,a" int,
          primary key ${i === 0 ? '(id, a)' : '(a, id)'}, unique ${i === 0 ? '(a, b)' : '(b, a)'},
          unique ("b,a"));
        ${drop}`);
      await database.query(tablesOf(cases));
      const session = await Session.connect(databaseConfig(database), {
        purpose: 'apply',
        name: 'b',
      });
      all.push({ database, session, tables: await readAll(session) });
    }
  }, 60_000);

  afterAll(async () => {
    for (const { database, session } of all) {
      await session.close();
      await database.drop();
    }
    for (const { database } of all) await assertNothingLeft(database.server);
  });

  test.each(cases)('$type', async ({ name, ...each }) => {
    const tables = all.map((one) => one.tables.get(`public.${name}`));
    if (tables.some((table) => !table || table.unhashableColumns.includes('k'))) return;
    const collate = /collate .*/.exec(each.type)?.[0] ?? '';
    const hashes: unknown[] = [];
    // also as the other one describes it, from which rows are copied
    for (const { session } of all)
      for (const table of tables) {
        const hash = rowKeyHash(hashedKey(table as TableFacts) ?? []);
        const rows = `(select k ${collate} as k from (values ${rowsOf(each)}) v (k)) t`;
        hashes.push(await session.query(`select ${hash} as h from ${rows}`));
      }
    expect(hashes).toEqual(hashes.map(() => hashes[0]));
  });

  test('of several columns, whatever their attnums and their order in the index', async () => {
    const hashes = await Promise.all(
      all.map(async ({ session, tables }) => {
        const table = tables.get('public.u') as TableFacts;
        const ofKey = await session.one(
          `select ${rowKeyHash(hashedKey(table) ?? [])} as h from (values (1, 2)) t (id, a)`,
        );
        const seeds = table.uniques.map(({ columns, seed }) => [
          [...columns].sort().join(' '),
          seed,
        ]);
        return { ofKey, seeds: seeds.sort() };
      }),
    );
    expect(hashes[1]).toEqual(hashes[0]);
    expect(new Set(hashes[0]?.seeds.map(([, seed]) => seed)).size).toBe(4);
  });
});
