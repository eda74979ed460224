import { test } from 'vitest';
import { grantStatements } from '../../../src/setup/grants.ts';
import { gatherFacts } from '../../../src/setup/preflight/gather-facts.ts';
import { findingsOf } from '../../../src/setup/preflight.ts';
import { createDatabase } from '../../support/database.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf, createRole, dropRole } from './preflight-fixture.ts';

test.each(majors)(
  'dev %i',
  async (major) => {
    const server = await sharedServer(major);
    const a = await createDatabase(server, 'dev a');
    const b = await createDatabase(server, 'dev b');
    await createRole(a, 'plain');
    await b.query('revoke all on schema public from public');
    for (const d of [a, b])
      await d.query(`create table t (id serial primary key, v text); create table n (id int); create table f(id int); alter table f replica identity full;
    create type mood as enum ('x'); create table m (id int primary key, m mood, ms mood[]);
    create table p (id int primary key, w int) partition by range (id); create table p1 partition of p for values from (0) to (10);
    create view vw as select 1 as x;
    create function tf() returns trigger language plpgsql as 'begin return new; end';
    create trigger tt before insert on p for each row execute function tf(); alter table p enable always trigger tt;
    create unlogged table u (id int primary key);
    alter table t enable row level security;
    `);
    await b.query(`alter type mood add value 'y'; alter table t add unique (v)`);
    const config = configOf(
      {
        a: { database: a, role: 'source', user: 'plain' },
        b: { database: b, role: 'source', user: 'plain' },
      },
      { tables: ['public.*', 'public.vw', 'public.u', 'nope.*', 'public.nope'] },
    );
    const t0 = Date.now();
    const facts = await gatherFacts(config);
    console.log(major, Date.now() - t0, 'ms', facts.unavailable);
    for (const f of findingsOf(facts))
      console.log(`${f.severity.padEnd(7)} ${f.check} [${f.code}] ${f.message}\n      ${f.hint}`);
    for (const g of grantStatements(facts)) console.log(g.database, g.sql);
    await dropRole(a, 'plain').catch((e) => console.log(e.message));
    await b.drop();
    await a.drop();
  },
  60000,
);
