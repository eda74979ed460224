// Keys of every type that can be one: either `check` refuses it where several databases write, or its
// hash agrees with the equality of the index.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashedKey, keyHash, rowKeyHash } from '../../../src/postgres/key-hash.ts';
import { Session } from '../../../src/postgres/session.ts';
import { readRelations } from '../../../src/setup/preflight/read/read-relations.ts';
import { readTables, type TableFacts } from '../../../src/setup/preflight/read/read-tables.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
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
  { type: 'kinds.amounts', values: ['[1,2)', '[-1,2)', '[1.0,2)'] },
  { type: 'money', values: ['1.00', '-1.00', '0.01'] },
];

const bareOf = (type: string) => type.replace(/ collate .*/, '');

const arrays = [...builtInTypes, ...userTypes]
  .filter(({ type, key, isArray }) => key === true && isArray !== true && !type.includes('collate'))
  .map((each) => ({ ...each, type: `${each.type}[]`, values: ['{}', '{null}', '{null,null}'] }));

describe.each(majors)('PostgreSQL %i', (major) => {
  const cases = [...builtInTypes, ...userTypes, ...neighbours, ...arrays]
    .filter(({ since = 0, until = 99 }) => major >= since && major <= until)
    .map((each, i) => ({ ...each, name: `t${i}` }));
  let database: TestDatabase;
  let session: Session;
  let tables: ReadonlyMap<string, TableFacts>;

  beforeAll(async () => {
    database = await createDatabase(await sharedServer(major), 'key hash');
    await database.query(typeDefinitions(major));
    session = await Session.connect(databaseConfig(database), { purpose: 'apply', name: 'b' });
    // a type without btree can be no key
    const definitions = cases.map(
      ({ type, name }) => `begin create table ${name} (k ${type} primary key);
        exception when undefined_object then null; end;`,
    );
    await database.query(`do $do$ begin ${definitions.join('\n')} end $do$`);
    const relgroup = { name: 'r', tables: ['public.*'], exclude: [] };
    tables = await readTables(session, (await readRelations(session, [relgroup])).publishable);
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

  test.each(cases)('$type', async ({ type, name, values }) => {
    const table = tables.get(`public.${name}`);
    if (table === undefined || table.unhashableColumns.includes('k')) return;
    const key = hashedKey(table) ?? [];
    const rows = values.map((value) => `('${value.replaceAll("'", "''")}'::${bareOf(type)})`);
    const hashed = `select t.k ${/collate .*/.exec(type)?.[0] ?? ''} as k, ${rowKeyHash(key)} as h
      from (select k::${bareOf(type)} as k from (values ${rows.join(', ')}) v (k)) t`;
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
      `select k::text from (values ${rows.join(', ')}) v (k) where ${seeded('1')} = ${seeded('2')}`,
    );
    expect(forgotten).toEqual([]);
  });

  test('few are refused', () => {
    const always = ['kinds.nested', 'ext.cube', 'ext.seg', 'ext.isbn13', 'kinds.mooded[]'];
    always.push(...['money', 'bit(5)', 'bit', 'varbit', 'varbit(9)'].map((type) => `${type}[]`));
    always.push(...['ext.cube', 'ext.seg', 'ext.isbn13'].map((type) => `${type}[]`));
    always.push('kinds.amount', 'kinds.amount[]', 'kinds.amounts');
    const records = ['kinds.pair', 'kinds.checked', 'kinds.pair[]', 'kinds.checked[]'];
    const ltree = ['ext.ltree', 'ext.ltree[]'];
    expect(refused().sort()).toEqual(
      [...always, ...(major < 14 ? records : []), ...(major < 17 ? ltree : [])].sort(),
    );
  });
});
