// Tables and the publication are altered while changes stream: what can go on goes on, what cannot
// stops its subscription alone, before a wrong write, says what mends it, and goes on once mended.
import { afterEach, expect, test } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
  waitForAllBut,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';
import { initialize, initializeFile } from '../support/synced-databases.ts';

interface Drift {
  /** On all; `t` is the table. */
  readonly before?: string;
  readonly onSource?: readonly string[];
  /** On one of the two targets; the other is given what onBoth says. */
  readonly onTarget?: string;
  /** On both targets, beforehand. */
  readonly onTargets?: string;
  /** Undefined: it goes on. */
  readonly stops?: {
    readonly code: string;
    readonly message: string | RegExp;
    readonly hint?: string;
  };
  readonly mend?: string;
  /** The other target stops as well. */
  readonly everywhere?: boolean;
}

const table = 'create table t (id int primary key, v numeric(10,2), w text)';

const drifts: Record<string, Drift> = {
  'a column is added on the source': {
    onSource: ['alter table t add x int', 'insert into t values (10, 1, null, 5)'],
    onTargets: 'alter table t add x int',
    stops: {
      code: 'SCHEMA_DRIFT',
      message: 'b: public.t has no column x',
      hint: 'alter table public.t add column "x" integer',
    },
    mend: 'alter table t add x integer',
  },
  'a column is dropped on the source': {
    onSource: [
      'alter table t drop w',
      'insert into t values (10, 1)',
      'update t set v = 2 where id = 1',
    ],
    onTarget: 'alter table t drop w',
  },
  'a column that the target needs is dropped on the source': {
    before: 'alter table t alter w set not null',
    onSource: ['alter table t drop w', 'insert into t values (10, 1)'],
    onTargets: 'alter table t drop w',
    stops: {
      code: 'DATA_REJECTED',
      message: /table public\.t, column w/,
      hint: 'alter table public.t alter column "w" drop not null',
    },
    mend: 'alter table t drop w',
  },
  'a column is renamed on the source': {
    onSource: ['alter table t rename w to y', `insert into t values (10, 1, 'y')`],
    onTargets: 'alter table t rename w to y',
    stops: {
      code: 'SCHEMA_DRIFT',
      message: 'b: public.t has no column y',
      hint: 'alter table public.t add column "y" text; or, if it was renamed there: alter table public.t rename column "w" to "y"',
    },
    mend: 'alter table t rename w to y',
  },
  'a column is retyped on the source, with changes before and behind it': {
    onSource: [
      `insert into t values (10, 1.11, 'before')`,
      'alter table t alter v type numeric(10,4)',
      `insert into t values (11, 1.2345, 'behind')`,
    ],
    everywhere: true,
    stops: {
      code: 'SCHEMA_DRIFT',
      message: 'b: public.t, column v is numeric(10,2), on the source it is numeric(10,4)',
      hint: 'alter table public.t alter column "v" type numeric(10,4)',
    },
    mend: 'alter table t alter v type numeric(10,4)',
  },
  'a column is retyped on the target': {
    onTarget: 'alter table t alter v type numeric(10,1)',
    onSource: ['insert into t values (10, 1.25)'],
    stops: {
      code: 'SCHEMA_DRIFT',
      message: 'b: public.t, column v is numeric(10,1), on the source it is numeric(10,2)',
      hint: 'alter table public.t alter column "v" type numeric(10,2)',
    },
    mend: 'alter table t alter v type numeric(10,2)',
  },
  'a column is dropped on the target': {
    onTarget: 'alter table t drop w',
    onSource: ['insert into t values (10, 1, null)'],
    stops: {
      code: 'SCHEMA_DRIFT',
      message: 'b: public.t has no column w',
      hint: 'alter table public.t add column "w" text',
    },
    mend: `alter table t add w text; update t set w = 'w'`,
  },
  'a table is renamed on the source': {
    onSource: [
      'alter table t rename to t2',
      'insert into t2 values (10, 1)',
      'update t2 set v = 5 where id = 1',
    ],
  },
  'a table is renamed on the target': {
    onTarget: 'alter table t rename to t2',
    onSource: ['insert into t values (10, 1)', 'delete from t where id = 1'],
  },
  'two tables change names on the source': {
    before: 'create table other (id int primary key, v numeric(10,2), w text)',
    onSource: [
      'begin; alter table t rename to x; alter table other rename to t; alter table x rename to other; commit',
      'insert into t values (10, 10)',
      'insert into other values (20, 20)',
    ],
  },
  'a table is rewritten': {
    onSource: [
      'vacuum full t',
      'cluster t using t_pkey',
      'insert into t values (10, 1)',
      'update t set v = 9 where id = 1',
    ],
    onTarget: 'vacuum full t',
  },
  'a table is dropped on the target': {
    onTarget: 'drop table t',
    onSource: ['insert into t values (10, 1)'],
    stops: { code: 'SCHEMA_DRIFT', message: /table public\.t does not exist/ },
    mend: table,
  },
  'the primary key is changed on the source': {
    before: 'alter table t add k int not null default (random() * 1e9)::int',
    onSource: [
      'alter table t drop constraint t_pkey, add primary key (k)',
      'update t set v = 7 where id = 1',
    ],
    onTargets: 'create unique index on t (k)',
    stops: { code: 'REPLICA_IDENTITY', message: /^public\.t: an update cannot be applied/ },
    mend: 'create unique index on t (k)',
  },
  'the primary key is dropped on the target': {
    onTarget: 'alter table t drop constraint t_pkey',
    onSource: ['update t set v = 7 where id = 1', 'delete from t where id = 2'],
    stops: { code: 'REPLICA_IDENTITY', message: /^public\.t: / },
    mend: 'alter table t add primary key (id)',
  },
  'the replica identity is changed on the source': {
    onSource: [
      'alter table t replica identity full',
      `update t set v = 7 where id = 1`,
      'alter table t replica identity default',
      'update t set id = 20 where id = 1',
    ],
  },
  'a table gets a primary key': {
    before: 'alter table t drop constraint t_pkey',
    onSource: [
      'insert into t values (10, 1)',
      'alter table t add primary key (id)',
      'insert into t values (11, 2)',
    ],
  },
};

const servers = () => Promise.all([sharedServer(newest), sharedServer(oldest)]);

const databases: TestDatabase[] = [];

afterEach(async () => {
  await killReplicators();
  for (const database of databases.splice(0)) await database.drop();
  await assertNothingLeftOn(await servers());
});

test.each(Object.entries(drifts))('%s', async (name, drift) => {
  const [a, b] = await servers();
  const source = await createDatabase(a, `drift ${name}`);
  const target = await createDatabase(b, `drift ${name}`);
  const other = await createDatabase(b, `drift ${name} c`);
  const all = [source, target, other];
  databases.push(...all);
  for (const database of all)
    await database.query(`${table}; create table kept (id int primary key); ${drift.before ?? ''}`);
  await source.query(`insert into t values (1, 1.5, 'w'), (2, 2.5, 'w')`);
  const config = await initialize(
    {
      a: { database: source, role: 'source' },
      b: { database: target, role: 'target' },
      c: { database: other, role: 'target' },
    },
    { sync: { initial_copy: 'if_empty' } },
  );
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  await waitForAll(config);
  const from = replicator.logs.length;
  if (drift.onTargets !== undefined) await other.query(drift.onTargets);
  if (drift.onTarget !== undefined) await target.query(drift.onTarget);
  for (const sql of drift.onSource ?? []) await source.query(sql);
  await source.query('insert into kept values (1)');
  if (drift.stops !== undefined) {
    const { code, message, hint } = drift.stops;
    const line = await replicator.waitForLog(
      (each) => each.level === 'error' && each['subscription'] === 'a:b',
      { from },
    );
    expect(line).toMatchObject({
      subscription: 'a:b',
      code,
      ...(hint !== undefined && { hint }),
    });
    if (typeof message === 'string') expect(line.msg).toBe(message);
    else expect(line.msg).toMatch(message);
    if (drift.everywhere === true) await other.query(drift.mend ?? '');
    else await eventually(async () => expect(await rowsOf(other, 'kept')).toEqual(['(1)']));
    expect(await rowsOf(target, 'kept')).toEqual([]);
    await target.query(drift.mend ?? '');
  }
  await waitForAll(config, '60s');
  const names = async (database: TestDatabase) =>
    (
      await database.query(`select relname from pg_class where relkind = 'r'
          and relnamespace = 'public'::regnamespace order by 1`)
    ).map(({ relname }) => relname ?? '');
  const rows = async (database: TestDatabase) => {
    const columns = await source.query(`select attname from pg_attribute a
        join pg_class c on c.oid = attrelid where relnamespace = 'public'::regnamespace
        and relname in ('t', 't2') and attnum > 0 and not attisdropped order by attname`);
    const list = columns.map(({ attname }) => attname).join(', ');
    const found = await Promise.all(
      (await names(database)).map(async (each) =>
        database.query(`select ${each === 'kept' ? 'id' : list} from ${each} order by id`),
      ),
    );
    return found.map((each) => JSON.stringify(each)).sort();
  };
  const expected = await rows(source);
  expect(await rows(target)).toEqual(expected);
  expect(await rows(other)).toEqual(expected);
  await stopCleanly(replicator);
  await tearDown(config);
});

async function statusOf(config: string): Promise<Status> {
  const { stdout } = await runCli(['status', '-c', config, '--output', 'json']);
  return JSON.parse(stdout) as Status;
}

test('a publication that is recreated is noticed while it streams, and ever after', async () => {
  const [a, b] = await servers();
  const source = await createDatabase(a, 'drift publication');
  const target = await createDatabase(b, 'drift publication');
  databases.push(source, target);
  for (const database of [source, target]) await database.query(table);
  const config = await initialize({
    a: { database: source, role: 'source' },
    b: { database: target, role: 'target' },
  });
  let replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await source.query(`drop publication replicator_a;
    insert into t values (1, 1, 'unseen');
    create publication replicator_a for table t, replicator.marker
      with (publish_via_partition_root = true)`);
  for (let run = 0; run < 2; run++) {
    if (run > 0) replicator = startReplicator(config);
    await replicator.waitForLog(({ code }) => code === 'PUBLICATION_CHANGED');
    await eventually(async () =>
      expect((await statusOf(config)).subscriptions).toMatchObject([
        { healthy: false, lastError: { code: 'PUBLICATION_CHANGED' } },
      ]),
    );
    await stopCleanly(replicator);
  }
  await tearDown(config);
});

test('a publication that does not send everything is noticed, also once it does again', async () => {
  const [a, b] = await servers();
  const source = await createDatabase(a, 'drift operations');
  const target = await createDatabase(b, 'drift operations');
  databases.push(source, target);
  for (const database of [source, target]) await database.query(table);
  const config = await initialize({
    a: { database: source, role: 'source' },
    b: { database: target, role: 'target' },
  });
  let replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await source.query(`alter publication replicator_a set (publish = 'insert')`);
  await replicator.waitForLog(({ code }) => code === 'PUBLICATION_CHANGED');
  await source.query(
    `alter publication replicator_a set (publish = 'insert, update, delete, truncate')`,
  );
  await stopCleanly(replicator);
  replicator = startReplicator(config);
  await replicator.waitForLog(({ code }) => code === 'PUBLICATION_CHANGED');
  // Nor does a slot of its own hold what was not sent.
  const from = replicator.logs.length;
  expect(await runCli(['pause', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await replicator.waitForLog(({ msg }) => msg === 'detached', { from });
  const resumed = replicator.logs.length;
  expect(await runCli(['resume', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await replicator.waitForLog(({ code }) => code === 'PUBLICATION_CHANGED', { from: resumed });
  await eventually(async () =>
    expect((await statusOf(config)).subscriptions).toMatchObject([
      { state: 'failed', healthy: false, lastError: { code: 'PUBLICATION_CHANGED' } },
    ]),
  );
  await stopCleanly(replicator);
  await tearDown(config);
});

test('a table that was out of the publication for a moment is copied anew, once it is empty', async () => {
  const [a, b] = await servers();
  const source = await createDatabase(a, 'drift member');
  const target = await createDatabase(b, 'drift member');
  databases.push(source, target);
  for (const database of [source, target])
    await database.query(`${table}; create table kept (id int primary key)`);
  await source.query('insert into t values (1, 1)');
  const config = await initialize(
    { a: { database: source, role: 'source' }, b: { database: target, role: 'target' } },
    { sync: { initial_copy: 'if_empty' } },
  );
  let replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  const from = replicator.logs.length;
  await source.query('alter publication replicator_a drop table t');
  await source.query('insert into t values (2, 2)');
  await source.query('alter publication replicator_a add table t');
  await source.query('insert into t values (3, 3); insert into kept values (1)');
  await replicator.waitForLog(({ code }) => code === 'PUBLICATION_CHANGED', { from });
  await untilStreaming(replicator, ['a:b'], { from });
  await waitForAllBut('a:b: public.t', config);
  expect(await rowsOf(target, 'kept')).toEqual(['(1)']);
  expect((await statusOf(config)).subscriptions[0]?.waitingTables).toEqual(['public.t']);
  await target.query('truncate t');
  await stopCleanly(replicator);
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await source.query('insert into t values (4, 4)');
  await waitForAll(config);
  expect(await rowsOf(target, 't')).toEqual(await rowsOf(source, 't'));
  expect((await statusOf(config)).subscriptions[0]?.waitingTables).toEqual([]);
  await stopCleanly(replicator);
  await tearDown(config);
});

test.each([
  {
    rule: 'if_empty',
    role: 'target',
    hint: 'empty it on b, then kill -HUP the `run`: it is copied',
  },
  {
    rule: 'none',
    role: 'target',
    hint: 'set initial_copy: if_empty and empty it on b, then kill -HUP the `run`: it is copied',
  },
  {
    rule: 'if_empty',
    role: 'source',
    hint: 'several databases write to it, so do not empty it: docs/how-to/fill-a-target-anew.md',
  },
] as const)(
  'what a table takes that was out of the publication is told, b is a $role, $rule',
  async ({ rule, role, hint }) => {
    const [a, b] = await servers();
    const first = await createDatabase(a, 'drift member');
    const second = await createDatabase(b, 'drift member');
    databases.push(first, second);
    for (const database of [first, second]) await database.query(table);
    const config = await initialize(
      { a: { database: first, role: 'source' }, b: { database: second, role } },
      { sync: { initial_copy: rule } },
    );
    const replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b']);
    // A table that is still empty would be copied, and miss nothing.
    await first.query('insert into t values (0, 0)');
    await waitForAll(config);
    await first.query(`alter publication replicator_a drop table t; insert into t values (1, 1);
      alter publication replicator_a add table only t; insert into t values (2, 2)`);
    const told = await replicator.waitForLog(
      ({ msg }) => msg?.includes('misses changes') === true,
      {
        timeoutMs: 40_000,
      },
    );
    expect(told).toMatchObject({ table: 'public.t', hint });
    await stopCleanly(replicator);
    await tearDown(config);
  },
);

test('a value that is too large stops those alone that want its table', async () => {
  const [a, b] = await servers();
  const source = await createDatabase(a, 'drift large');
  const target = await createDatabase(b, 'drift large b');
  const other = await createDatabase(b, 'drift large c');
  databases.push(source, target, other);
  for (const database of [source, target, other])
    await database.query(
      'create table large (id int primary key, v bytea); create table t (id int primary key)',
    );
  const config = await initializeFile(
    writeConfig({
      databases: { a: { url: source.url }, b: { url: target.url }, c: { url: other.url } },
      relgroups: { all: { tables: ['public.*'] }, small: { tables: ['public.t'] } },
      dbgroups: { b: { a: 'source', b: 'target' }, c: { a: 'source', c: 'target' } },
      syncs: { b: { relgroup: 'all', dbgroup: 'b' }, c: { relgroup: 'small', dbgroup: 'c' } },
    }),
  );
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  // 100 MB less two bytes, as hexadecimal digits behind a \x
  await source.query(`insert into large select 1, ('\\x' || repeat('00', 52428798))::bytea`);
  await source.query('insert into t values (1)');
  await waitForAll(config, '60s');
  expect(await target.query('select id, length(v) from large')).toEqual([
    { id: '1', length: '52428798' },
  ]);
  await source.query(`begin; insert into t values (2);
    insert into large select 2, ('\\x' || repeat('00', 52428801))::bytea; commit`);
  await source.query('insert into t values (3)');
  const refused = await replicator.waitForLog(({ code }) => code === 'VALUE_TOO_LARGE');
  expect(refused).toMatchObject({
    subscription: 'a:b',
    msg: 'public.large, column v: a value of 100 MB',
  });
  await eventually(async () => expect(await rowsOf(other, 't')).toEqual(['(1)', '(2)', '(3)']));
  expect(await rowsOf(target, 't')).toEqual(['(1)']);
  await stopCleanly(replicator);
  await tearDown(config);
}, 120_000);

test('a unique index that several sources cannot follow, added later, is told as check tells it', async () => {
  const server = await sharedServer(newest);
  const a = await createDatabase(server, 'drift unhashable a');
  const b = await createDatabase(server, 'drift unhashable b');
  databases.push(a, b);
  for (const master of [a, b]) await master.query('create table t (id int primary key, u money[])');
  const config = await initializeFile(writeSyncFile({ a: source(a), b: source(b) }));
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a']);
  for (const master of [a, b]) await master.query('create unique index later on t (u)');
  const from = replicator.logs.length;
  replicator.signal('SIGHUP');
  await untilStreaming(replicator, ['a:b', 'b:a'], { from });
  await a.query(`insert into t values (1, '{1,2}')`);
  const line = await replicator.waitForLog(
    (each) => each['subscription'] === 'a:b' && each['code'] === 'SCHEMA_DRIFT',
  );
  expect(line).toMatchObject({
    msg: expect.stringContaining('could not identify an extended hash function for type money'),
    hint: 'with several sources no unique index may be over such a type: `replicator check` names the index; drop it, or write to the table on one database only',
  });
  const { stdout } = await runCli(['check', '--category', 'schema', '-c', config]);
  expect(stdout).toContain('column u of later is of a type without a hash');
  for (const master of [a, b]) await master.query('drop index later');
  await runCli(['resume', 'app', '-c', config]);
  await waitForAll(config);
  expect(await rowsOf(b, 't')).toEqual(await rowsOf(a, 't'));
  await stopCleanly(replicator);
  await tearDown(config);
});
