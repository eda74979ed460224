import { describe, expect, test } from 'vitest';
import { grantStatements } from '../../../../src/setup/grants.ts';
import type { OwnSchema } from '../../../../src/setup/preflight/read/read-own-schema.ts';
import type { TableFacts } from '../../../../src/setup/preflight/read/read-tables.ts';
import { database, oneWay, table, tables } from './facts-fixture.ts';

const installed: OwnSchema = {
  usage: true,
  create: true,
  installed: true,
  hasRelations: true,
  deniedTables: [],
  deniedFunctions: [],
  originWrappers: true,
};

function grantsOf(a: ReturnType<typeof database>, b = database('b')): string[] {
  return grantStatements(oneWay(a, b)).map(({ database: name, sql }) => `${name}: ${sql}`);
}

const having = (changes: Partial<TableFacts>) => ({ tables: tables(table('t', changes)) });

describe('grantStatements', () => {
  test('is empty when nothing is missing', () => {
    expect(grantsOf(database('a', having({})), database('b', having({})))).toEqual([]);
  });

  test('asks for membership in the owner, with no more than inheritance where that can be said', () => {
    const on = (major: number, inherits: boolean) =>
      grantsOf(
        database('a', {
          ...having({ owned: false, owner: 'app"s' }),
          identity: { major },
          role: { inherits },
        }),
      );
    expect(on(18, false)).toEqual(['a: grant "app""s" to "r" with inherit true, set false']);
    expect(on(16, true)).toEqual(['a: grant "app""s" to "r" with inherit true, set false']);
    expect(on(15, true)).toEqual(['a: grant "app""s" to "r"']);
    expect(on(15, false)).toEqual(['a: grant "app""s" to "r"', 'a: alter role "r" inherit']);
  });

  test('never asks for membership in a superuser', () => {
    const a = database('a', having({ owned: false, owner: 'postgres', ownerIsSuperuser: true }));
    expect(grantsOf(a)).toEqual(['a: alter table "public"."t" owner to "r"']);
  });

  test('asks for no ownership of what is published already', () => {
    const own = {
      oid: '1',
      owned: false,
      allTables: false,
      schemas: [],
      operations: [],
      viaRoot: true,
      tables: [{ schema: 'public', name: 't', hasRowFilter: false, hasColumnList: false }],
    };
    const role = { createsInDatabase: false };
    const a = (changes: Partial<typeof own>) =>
      grantsOf(
        database('a', {
          ...having({ owned: false, privileges: ['select'] }),
          schema: installed,
          role,
          publications: { own: { ...own, ...changes }, ofAllTables: [] },
        }),
      );
    expect(a({})).toEqual([]);
    expect(a({ tables: [] })).toEqual([
      'a: alter publication "replicator_a" owner to "r"',
      'a: grant "owner" to "r" with inherit true, set false',
    ]);
  });

  test('gives the forced subject of policies BYPASSRLS, and an owner to be none', () => {
    const policies = { rowSecurity: true, owned: false };
    const of = (rowSecurityForced: boolean) =>
      grantsOf(database('a', having({ ...policies, rowSecurityForced })));
    expect(of(false)).toHaveLength(1);
    expect(of(true)).toContain('a: alter role "r" bypassrls');
  });

  test('on 13 makes the schema and the functions that stand for the origin functions', () => {
    const b = (schema: OwnSchema | undefined) =>
      grantsOf(
        database('a'),
        database('b', { identity: { major: 13 }, ...(schema && { schema }) }),
      );
    const [first, ...more] = b(undefined);
    expect(first).toBe('b: create schema replicator authorization "r"');
    expect(more.map((sql) => sql.split('(')[0])).toEqual([
      'b: create or replace function replicator.origin_session_setup',
      'b: create or replace function replicator.origin_xact_setup',
      'b: create or replace function replicator.origin_create',
      'b: create or replace function replicator.origin_drop',
      'b: revoke all on function replicator.origin_session_setup',
      'b: grant execute on all functions in schema replicator to "r"',
    ]);
    expect(b({ ...installed, originWrappers: false })[0]).toMatch(/origin_session_setup/);
    expect(b({ ...installed, deniedFunctions: [] })).toEqual([]);
  });

  test('of schema replicator, made by somebody else', () => {
    const a = (schema: Partial<OwnSchema>) =>
      grantsOf(database('a', { schema: { ...installed, ...schema } }));
    expect(a({ usage: false, create: false, deniedTables: ['slots'] })).toEqual([
      'a: grant usage on schema replicator to "r"',
      'a: grant select, insert, update, delete on all tables in schema replicator to "r"',
    ]);
    expect(a({ installed: false, create: false })).toEqual([
      'a: grant usage, create on schema replicator to "r"',
    ]);
  });
});
