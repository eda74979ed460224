// What a database remembers keeps older changes out of a copy as well, though enums and columns have other
// oids and attnums there, and another major hashes with other functions.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { copyMemory } from '../../../src/snapshot/copy-memory.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, oldest } from '../../support/servers-for-tests.ts';
import { type Master, Masters, type Written } from '../target/conflict/masters.ts';

const definitions = `create type mood as enum ('sad', 'ok');
  create table t (id int, mood mood, day date, v text, w mood, primary key (id, mood, day), unique (v, w))`;

let all: Masters;
let a: Master;
let b: Master;
let c: Master;

beforeEach(async () => {
  all = await Masters.create([newest, oldest, oldest], definitions);
  [a, b, c] = all.masters as [Master, Master, Master];
  await c.database.query(`drop table t; drop type mood;
    ${definitions.replace('t (', 't (gone int, ').replace('(id, mood, day)', '(day, mood, id)')};
    alter table t drop gone`);
});

afterEach(async () => await all.close());

const insert = (id: number, v: string): Written => ({
  sql: `insert into t values (${id}, 'ok', '2024-02-29', '${v}', 'sad')`,
  kind: 'insert',
});

async function deliver(source: Master, target: Master): Promise<void> {
  const route = all.routes.find((each) => each.source === source && each.target === target);
  if (route === undefined) throw new Error(`no route ${source.name}:${target.name}`);
  await all.deliver(route, source.stream.length);
}

/** Of `a`, once it has read its own stream. */
async function copyToC(): Promise<void> {
  await deliver(a, a);
  await using source = await Session.connect(databaseConfig(a.database), {
    purpose: 'copy',
    name: 'a',
  });
  await using target = await Session.connect(databaseConfig(c.database), {
    purpose: 'copy',
    name: 'c',
  });
  await copyMemory({ schema: 'public', name: 't' }, source, target);
}

test('a row that was deleted since does not come back', async () => {
  await all.write(b, [insert(1, 'x')]);
  await all.write(a, [insert(1, 'y')]);
  await all.write(a, [{ sql: 'delete from t', kind: 'delete' }]);
  await copyToC();
  await deliver(b, c);
  expect(await c.database.query('select from t')).toEqual([]);
});

test('a value that another row claimed since is not taken', async () => {
  await all.write(b, [insert(2, 'x')]);
  await all.write(a, [insert(1, 'x')]);
  await all.write(a, [{ sql: `update t set v = 'given up'`, kind: 'update' }]);
  await copyToC();
  await deliver(b, c);
  expect(await c.database.query('select from t')).toEqual([]);
});
