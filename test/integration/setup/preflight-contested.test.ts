// What more is asked of tables that several databases write to, each in a table of its own.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/setup/preflight/finding.ts';
import { preflight } from '../../../src/setup/preflight.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf } from './preflight-fixture.ts';

interface Case {
  /** The table's definition on both, or on each. T is its name. */
  readonly on: string | readonly [a: string, b: string];
  /** `error contested-key a: hint` */
  readonly found: readonly string[];
}

/** The same on both sides. */
const onBoth = (finding: string) =>
  ['a', 'b'].map((name) => `error ${finding.replace(':', ` ${name}:`)}`);

const cases: Readonly<Record<string, Case>> = {
  same: { on: '(id int primary key, u text unique, v numeric unique)', found: [] },
  composed: {
    on: ['(a int, b int, primary key (a, b))', '(a int, b int, primary key (b, a))'],
    found: [],
  },
  partitioned_there: {
    on: [
      '(id int primary key)',
      '(id int primary key) partition by range (id); create table T_1 partition of T for values from (0) to (9)',
    ],
    found: ['notice truncate b: do the same on every target, or delete the rows before'],
  },
  full: {
    on: '(id int primary key); alter table T replica identity full',
    found: onBoth('replica-identity: alter table T replica identity default'),
  },
  full_no_key: {
    on: '(id int); alter table T replica identity full',
    found: [
      ...onBoth('replica-identity: alter table T add primary key (…)'),
      ...onBoth('target-key: alter table T add primary key (…), on both databases'),
    ],
  },
  nothing: {
    on: '(id int primary key); alter table T replica identity nothing',
    found: onBoth('replica-identity: alter table T replica identity default'),
  },
  no_key: { on: '(id int)', found: onBoth('replica-identity: alter table T add primary key (…)') },
  other_key: {
    on: [
      '(id int primary key, u int not null unique)',
      '(id int primary key, u int not null unique); alter table T replica identity using index other_key_u_key',
    ],
    found: [
      'error contested-key a: alter table T add primary key ("u"), or set its replica identity to an index over these',
      'error contested-key b: alter table T add primary key ("id"), or set its replica identity to an index over these',
    ],
  },
  unhashable: {
    on: '(id public.seg primary key)',
    found: onBoth(
      'contested-key: make another unique index the replica identity of T, or write to it on one database only',
    ),
  },
  unhashable_within: {
    on: '(id money[] primary key)',
    found: onBoth(
      'contested-key: make another unique index the replica identity of T, or write to it on one database only',
    ),
  },
  no_wide_hash: {
    on: '(id public.isbn primary key)',
    found: onBoth(
      'contested-key: make another unique index the replica identity of T, or write to it on one database only',
    ),
  },
  hashable: { on: '(id public.citext primary key)', found: [] },
  own_types: {
    on: '(id money primary key, b varbit unique, d date unique, at timestamptz unique, n numeric[] unique)',
    found: [],
  },
  unhashable_beside: {
    on: '(id int primary key, u money[], b int, unique (b, u))',
    found: onBoth(
      'contested-unique: drop unhashable_beside_b_u_key, or write to T on one database only',
    ),
  },
  unhashable_with_key: { on: '(id int primary key, u money[], unique (id, u))', found: [] },
  deferrable: {
    on: '(id int primary key, u int unique deferrable)',
    found: onBoth('contested-unique: make it not deferrable'),
  },
  expression: {
    on: '(id int primary key, v text); create unique index expression_i on T (lower(v))',
    found: onBoth(
      'contested-unique: drop index "public"."expression_i"; or write to the table on one database only',
    ),
  },
  partial: {
    on: '(id int primary key, v text); create unique index partial_i on T (v) where id > 1',
    found: onBoth(
      'contested-unique: drop index "public"."partial_i"; or write to the table on one database only',
    ),
  },
  rule_delete: {
    on: [
      '(id int primary key); create rule ru as on delete to T do also select 1; alter table T enable always rule ru',
      '(id int primary key); create rule ru as on delete to T do also select 1',
    ],
    found: [
      'warning firing-triggers a: alter table T enable rule "ru"',
      'error rules a: drop rule "ru" on T, and have a trigger do what it did',
    ],
  },
  exclusion: {
    on: '(id int primary key, v int4range, exclude using gist (v with &&))',
    found: onBoth(
      'contested-unique: drop constraint "exclusion_v_excl"; or write to the table on one database only',
    ),
  },
  identity_key: {
    on: ['(id serial primary key)', '(id int generated always as identity primary key)'],
    found: [],
  },
  identity_beside: {
    on: [
      '(id int primary key, seq int generated by default as identity)',
      '(id int primary key, seq int generated always as identity)',
    ],
    found: [
      'error contested-identity b: alter table T alter column "seq" set generated by default',
    ],
  },
  more_unique: {
    on: ['(id int primary key, v text)', '(id int primary key, v text unique)'],
    found: ['error contested-unique b: create the same index on a, or drop more_unique_v_key here'],
  },
};

describe.each(majors)('on PostgreSQL %i', (major) => {
  let databases: TestDatabase[] = [];
  let findings: Finding[] = [];

  beforeAll(async () => {
    const server = await sharedServer(major);
    databases = [
      await createDatabase(server, 'preflight contested a'),
      await createDatabase(server, 'preflight contested b'),
    ];
    for (const [i, database] of databases.entries()) {
      const tables = Object.entries(cases).map(([name, { on }]) => {
        const definition = typeof on === 'string' ? on : on[i];
        return `create table T ${definition}`
          .replaceAll(/\bT_1\b/g, `public.${name}_1`)
          .replaceAll(/\bT\b/g, `public.${name}`);
      });
      await database.query(
        `create extension citext; create extension seg; create extension isn; ${tables.join(';\n')}`,
      );
    }
    const [a, b] = databases;
    if (!a || !b) throw new Error('no databases');
    findings = await preflight(
      configOf({ a: { database: a, role: 'source' }, b: { database: b, role: 'source' } }),
      { categories: ['schema', 'configuration'] },
    );
  });

  afterAll(async () => {
    for (const database of databases) await database.drop();
  });

  test.each(Object.entries(cases))('%s', (name, { found }) => {
    const lines = findings
      .filter(({ table }) => table === `public.${name}`)
      .map(({ severity, check, database, hint }) => {
        const generic = hint
          .replaceAll(`"public"."${name}"`, 'T')
          .replaceAll(`public.${name}`, 'T');
        return `${severity} ${check} ${database}: ${generic}`;
      });
    expect(lines.sort()).toEqual([...found].sort());
  });

  test('says what and where in one line each', () => {
    for (const { message, database, table } of findings) {
      expect(message).toMatch(/^[^\n]{10,200}$/);
      expect(message).toContain(`${database}: `);
      expect(message).toContain(table);
    }
  });
});
