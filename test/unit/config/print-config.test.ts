import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { printConfig } from '../../../src/config/print-config.ts';
import { parse, sampleFile } from './sample-file.ts';

test('everything in effect, without passwords', () => {
  const config = parse(
    sampleFile({
      2: '  a: { url: "postgres://u:hunter2@[::1]:6543/a?sslmode=verify-ca" }',
      3: '  b: { host: /run/postgresql, dbname: "$$$${x}", user: "007", password_file: /run/secrets/b }',
      7: '  g: { a: source, b: target }',
    }),
  );
  expect(printConfig(config)).toBe(`# replicator.yaml
databases:
  a:
    host: ::1
    port: 6543
    dbname: a
    user: u
    password: "***"
    sslmode: verify-ca
    connect_timeout: 10s
  b:
    host: /run/postgresql
    port: 5432
    dbname: $$$\${x}
    user: "007"
    password_file: /run/secrets/b
    sslmode: disable
    connect_timeout: 10s
relgroups:
  r:
    tables:
      - public.*
    exclude: []
dbgroups:
  g:
    a: source
    b: target
syncs:
  s:
    relgroup: r
    dbgroup: g
    initial_copy: none
    conflict: latest
    conflict_log: keys
    conflict_window: 1s
    truncate: replicate
apply:
  batch_changes: 10000
  batch_size: 4MB
  queue_size: 16MB
  lock_timeout: 10s
slots:
  warn_at: 2GB
  give_up_at: 20GB
heartbeat: never
log:
  level: info
max_clock_skew: 500ms
conflict_retention: 30d
shutdown_timeout: 10s
# subscriptions:
#   a:b
`);
});

test('what is printed can be loaded again', () => {
  const config = parse(
    sampleFile({
      2: '  a: { host: h, dbname: "$${x}", user: "a: #b", sslcert: /c, sslkey: /k }',
      9: '  s: { relgroup: r, dbgroup: g, conflict: pause, conflict_log: full, conflict_window: 0ms }',
      5: `  r: { tables: ['public."A ""b"".c"', '*.x?'], exclude: [y.*] }`,
      10: 'apply: { batch_size: 1025B, lock_timeout: 90s }',
      11: 'slots: { warn_at: 3GB, give_up_at: never }\nheartbeat: 7s',
    }),
  );
  expect(comparable(parse(printConfig(config)))).toEqual(comparable(config));
});

const comparable = ({ databases, ...config }: Config) => ({
  ...config,
  databases: [...databases.values()].map(({ password, ...database }) => database),
});
