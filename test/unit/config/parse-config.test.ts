// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the user's file has such text
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { parse, sampleFile } from './sample-file.ts';

test('the least that a file can say', () => {
  const { databases, subscriptions, ...rest } = parse(sampleFile());
  expect([...databases.keys()]).toEqual(['a', 'b']);
  expect(databases.get('a')).toEqual({
    name: 'a',
    host: 'a.example.com',
    port: 5432,
    dbname: 'app',
    user: 'replicator',
    password: expect.any(Function),
    passwordSource: { kind: 'pgpass', path: expect.stringContaining('.pgpass') },
    sslmode: 'verify-full',
    sslrootcert: undefined,
    sslcert: undefined,
    sslkey: undefined,
    connectTimeoutMs: 10_000,
    standbySlots: [],
  });
  const sync = {
    name: 's',
    relgroup: { name: 'r', tables: ['public.*'], exclude: [] },
    dbgroup: 'g',
    members: new Map([
      ['a', 'source'],
      ['b', 'source'],
    ]),
    initialCopy: 'none',
    conflict: 'latest',
    conflictLog: 'keys',
    conflictWindowMs: 1_000,
    truncate: 'refuse',
  };
  expect(subscriptions).toEqual([
    { source: 'a', target: 'b', syncs: [sync] },
    { source: 'b', target: 'a', syncs: [sync] },
  ]);
  expect(rest).toEqual({
    file: 'replicator.yaml',
    warnings: [],
    syncs: [sync],
    ownStreams: ['a', 'b'],
    apply: {
      batchChanges: 10_000,
      batchBytes: 4_194_304,
      queueBytes: 16_777_216,
      lockTimeoutMs: 10_000,
    },
    slots: { warnBytes: 2 * 1024 ** 3, giveUpBytes: 20 * 1024 ** 3 },
    heartbeatMs: undefined,
    log: { level: 'info' },
    maxClockSkewMs: 500,
    conflictRetentionMs: 2_592_000_000,
    shutdownTimeoutMs: 10_000,
  });
});

test('options', () => {
  const more = sampleFile({
    10: 'apply: { batch_changes: 7, batch_size: 1MB, queue_size: 2MB, lock_timeout: 3s }',
    11: 'log: { level: debug }',
    12: 'max_clock_skew: 1s',
    13: 'shutdown_timeout: 5s',
    14: 'conflict_retention: 90d',
  });
  expect(parse(more)).toMatchObject({
    apply: { batchChanges: 7, batchBytes: 1_048_576, queueBytes: 2_097_152, lockTimeoutMs: 3000 },
    log: { level: 'debug' },
    maxClockSkewMs: 1000,
    conflictRetentionMs: 7_776_000_000,
    shutdownTimeoutMs: 5000,
  });
});

test('a number may come from the environment, whatever its quotes', () => {
  const file = (port: string) =>
    sampleFile({ 2: `  a: { host: h, dbname: app, user: u, port: ${port} }` });
  for (const port of ['6543', '"6543"', '"${PORT}"', '"6${REST:-543}"', "'${PORT:?set it}'"]) {
    expect(parse(file(port), { PORT: '6543' }).databases.get('a')?.port, port).toBe(6543);
  }
});

test('text is what it looks like', () => {
  const { databases } = parse(
    sampleFile({ 2: '  a: { host: h, dbname: 007, user: on, password: 1e3 }' }),
  );
  expect(databases.get('a')).toMatchObject({ dbname: '007', user: 'on' });
});

test('aliases and merge keys', () => {
  const { databases } = parse(
    sampleFile({
      2: '  a: &server { host: a.example.com, dbname: app, user: u, port: 6543 }',
      3: '  b: { <<: *server, host: b.example.com }',
    }),
  );
  expect(databases.get('b')).toMatchObject({ host: 'b.example.com', dbname: 'app', port: 6543 });
});

test('databases keep the order of the file', () => {
  const names = [
    ...parse(
      sampleFile({ 4: '  9z: { host: z, dbname: d, user: u }\nrelgroups:' }),
    ).databases.keys(),
  ];
  expect(names).toEqual(['a', 'b', '9z']);
});

describe('sslmode', () => {
  test.each([
    ['db.example.com', 'verify-full'],
    ['10.0.0.1', 'verify-full'],
    ['localhost.example.com', 'verify-full'],
    ['128.0.0.1', 'verify-full'],
    ['127.evil.example.com', 'verify-full'],
    ['localhost', 'disable'],
    ['127.0.0.1', 'disable'],
    ['127.8.9.10', 'disable'],
    ['"::1"', 'disable'],
    ['/var/run/postgresql', 'disable'],
  ])('of %s is %s', (host, sslmode) => {
    const { databases } = parse(sampleFile({ 2: `  a: { host: ${host}, dbname: d, user: u }` }));
    expect(databases.get('a')?.sslmode).toBe(sslmode);
  });

  test('is verify-full where an ssl file is named, even on this machine', () => {
    const { databases } = parse(
      sampleFile({ 2: '  a: { host: localhost, dbname: d, user: u, sslrootcert: ca/root.crt }' }),
    );
    expect(databases.get('a')).toMatchObject({
      sslmode: 'verify-full',
      sslrootcert: `${process.cwd()}/ca/root.crt`,
    });
  });
});

test('a url is completed by keys', async () => {
  const { databases } = parse(
    sampleFile({
      2: '  a: { url: "postgres://u@h:6543/d?sslmode=verify-ca", password: p, connect_timeout: 1s }',
      3: '  b: { url: "postgres://u:%40p@h", dbname: d }',
    }),
  );
  const a = databases.get('a');
  expect(a).toMatchObject({ host: 'h', port: 6543, dbname: 'd', user: 'u', sslmode: 'verify-ca' });
  expect(a?.connectTimeoutMs).toBe(1000);
  expect(await a?.password()).toBe('p');
  expect(databases.get('b')).toMatchObject({ host: 'h', port: 5432, dbname: 'd' });
  expect(await databases.get('b')?.password()).toBe('@p');
});

test('a configuration can be inspected and logged without showing a password', () => {
  const config = parse(
    sampleFile({
      2: '  a: { host: h, dbname: d, user: u, password: hunter2 }',
      3: '  b: { url: "postgres://u:hunter2@b/d" }',
    }),
  );
  const shown = inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config);
  expect(shown).not.toContain('hunter2');
});

describe('subscriptions', () => {
  const withThird = { 4: '  c: { host: c.example.com, dbname: app, user: u }\nrelgroups:' };
  const pairs = (changes: Record<number, string>) =>
    parse(sampleFile({ ...withThird, ...changes })).subscriptions.map(
      ({ source, target, syncs }) => `${source}:${target} ${syncs.map(({ name }) => name)}`,
    );

  test('every source feeds every other member', () => {
    const group = '  g: { a: source, b: source, c: target }';
    expect(pairs({ 7: group })).toEqual(['a:b s', 'a:c s', 'b:a s', 'b:c s']);
  });

  test('syncs of the same pair are merged', () => {
    expect(
      pairs({
        5: '  r: { tables: [public.a] }\n  r2: { tables: [public.b] }',
        7: '  g: { a: source, b: target }\n  g2: { a: source, c: target, b: target }',
        10: '  s2: { relgroup: r2, dbgroup: g2, initial_copy: once }',
      }),
    ).toEqual(['a:b s,s2', 'a:c s2']);
  });

  test('the same relgroup may be in two syncs that agree', () => {
    const changes = {
      7: '  g: { a: source, b: target }\n  g2: { a: source, b: target, c: target }',
    };
    expect(pairs({ ...changes, 10: '  s2: { relgroup: r, dbgroup: g2 }' })).toEqual([
      'a:b s,s2',
      'a:c s2',
    ]);
  });

  test('no forwarding is needed where every pair is direct, be it by several syncs', () => {
    const groups = 'g1: { b: source, c: source }\n  g2: { c: source, a: source }';
    expect(
      pairs({
        7: `  g: { a: source, b: source }\n  ${groups}`,
        10: '  s1: { relgroup: r, dbgroup: g1 }\n  s2: { relgroup: r, dbgroup: g2 }',
      }),
    ).toHaveLength(6);
  });

  test('other tables may take another way', () => {
    expect(
      pairs({
        5: '  r: { tables: [public.*], exclude: [public.b] }\n  r2: { tables: [public.b] }',
        7: '  g: { a: source, b: target }\n  g2: { b: source, c: target }',
        10: '  s2: { relgroup: r2, dbgroup: g2 }',
      }),
    ).toEqual(['a:b s', 'b:c s2']);
  });

  test('two sources may meet in one target', () => {
    expect(
      pairs({
        7: '  g: { a: source, b: target }\n  g2: { c: source, b: target }',
        10: '  s2: { relgroup: r, dbgroup: g2 }',
      }),
    ).toEqual(['a:b s', 'c:b s2']);
  });
});

test.each([
  ['  g: { a: source, b: target }', 'replicate'],
  ['  g: { a: source, b: source }', 'refuse'],
])('truncate in%s is by default %s', (group, truncate) => {
  expect(parse(sampleFile({ 7: group })).syncs[0]?.truncate).toBe(truncate);
});

describe('warnings', () => {
  const warnings = (changes: Record<number, string>, env = {}, isPublic = false) =>
    parseConfig(sampleFile(changes), { file: 'replicator.yaml', env, isPublic }).warnings;
  const everyone =
    'holds a password, and everyone on this machine may read the file: chmod o-r it, or use password_file';

  test('what no sync uses', () => {
    expect(
      warnings({
        4: '  c: { host: c.example.com, dbname: app, user: u }\nrelgroups:\n  r2: { tables: [x.*] }',
        7: '  g: { a: source, b: source }\n  g2: { a: source, b: target }',
      }),
    ).toEqual([
      'replicator.yaml:4:3: databases.c is not used by any sync',
      'replicator.yaml:6:3: relgroups.r2 is not used by any sync',
      'replicator.yaml:10:3: dbgroups.g2 is not used by any sync',
    ]);
  });

  test('a password file beside a password', () => {
    const entry = '  a: { host: h, dbname: d, user: u, password_file: f, password: p }';
    expect(warnings({ 2: entry })).toEqual([
      'replicator.yaml:2:37: databases.a.password_file is not used: the password is in password',
    ]);
  });

  test('a password in a file that everyone may read', () => {
    const key = { 2: '  a: { host: h, dbname: d, user: u, password: p }' };
    const url = { 3: '  b: { url: "postgres://u:p@h/b" }' };
    expect(warnings({ ...key, ...url })).toEqual([]);
    expect(warnings({ ...key, ...url }, {}, true)).toEqual([
      `replicator.yaml:2:47: databases.a.password ${everyone}`,
      `replicator.yaml:3:13: databases.b.url ${everyone}`,
    ]);
  });

  test('no password that comes from elsewhere', () => {
    const key = { 2: '  a: { host: h, dbname: d, user: u, password: "${PW}" }' };
    const url = { 3: '  b: { url: "postgres://u:${PW}@h/b" }' };
    expect(warnings({ ...key, ...url }, { PW: 'p' }, true)).toEqual([]);
    expect(warnings({ 3: '  b: { url: "postgres://u@h/b", password_file: f }' }, {}, true)).toEqual(
      [],
    );
  });
});

test('the error has all problems, and a message of as many lines', () => {
  const problems = [
    'replicator.yaml:10:1: unknown key "x"',
    'replicator.yaml:11:1: unknown key "y"',
  ];
  const known =
    ' (known: databases, relgroups, dbgroups, syncs, apply, slots, heartbeat, log, max_clock_skew, conflict_retention, shutdown_timeout)';
  const lines = problems.map((line) => line + known);
  const attempt = () => parse(sampleFile({ 10: 'x: 1', 11: 'y: 1' }));
  expect(attempt).toThrow(ConfigError);
  expect(attempt).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION',
      exitCode: 78,
      problems: lines,
      message: lines.join('\n'),
    }),
  );
});
