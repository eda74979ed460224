// Wrong command lines: told in one line, before any database is asked.
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTemporaryFolder } from '../../support/temporary-folder.ts';
import { refused, type Told, told } from '../../support/told.ts';

const folder = createTemporaryFolder('command-line').path;

// nobody listens there: what gets as far as a connection would say so
const config = join(folder, 'replicator.yaml');
writeFileSync(
  config,
  `databases:
  a: { host: 127.0.0.1, port: 1, dbname: a, user: u }
  b: { host: 127.0.0.1, port: 1, dbname: b, user: u }
relgroups: { r: { tables: [public.t] } }
dbgroups: { g: { a: source, b: target } }
syncs: { s: { relgroup: r, dbgroup: g } }
`,
);

const known =
  '(known: run, init, check, status, conflicts, wait, pause, resume, resync, config, teardown, completion, --version, --help)';
const noSecrets =
  'no connection strings and passwords here, where ps shows them: write them into the configuration file, the password best as password_file';
const categories =
  'connection, configuration, server, privilege, schema, publication, conflict, state';

/** What is typed, and the lines that tell what is wrong with it. */
const mistakes: [string, ...string[]][] = [
  ['', 'a command is missing'],
  ['--', 'a command is missing'],
  ['statsu', 'unknown command "statsu" (did you mean "status"?)'],
  ['inti --dry-run', 'unknown command "inti" (did you mean "init"?)'],
  ['version', 'unknown command "version" (did you mean "--version"?)'],
  ['frobnicate', `unknown command "frobnicate" ${known}`],
  ['a;b', `unknown command (not a name) ${known}`],
  ['status -- more', 'unknown argument "more"'],
  ['run --dry-run', 'unknown flag --dry-run'],
  ['run -xy 3', 'unknown flag -x', 'unknown flag -y'],
  ['status --outptu json', 'unknown flag --outptu (did you mean --output?)'],
  ['init --dryRun', 'unknown flag --dryRun (did you mean --dry-run?)'],
  ['status --config.path=x', 'unknown flag --… (did you mean --config?)'],
  ['status --constructor=1', 'unknown flag --constructor'],
  ['status -o json -o yaml', '--output is given more than once'],
  ['wait --timeout 5s --timeout 6s', '--timeout is given more than once'],
  ['status -c', '--config needs a value'],
  ['status -o', '--output needs a value'],
  ['check --category', '--category needs a value'],
  ['wait --timeout', '--timeout needs a value'],
  ['init --dry-run=yes', '--dry-run takes no value'],
  ['init --dry-run false', '--dry-run takes no value'],
  ['status --output 0x10', '--output 0x10: choose table, json or yaml'],
  ['status --json -o yaml', '--json and --output yaml: choose one'],
  ['check --category 1', `--category 1: choose ${categories}`],
  ['wait --timeout 5', '--timeout 5: must have a unit, such as 10s or 500ms'],
  ['wait --timeout abc', '--timeout abc: must be a whole number with a unit, such as 10s or 500ms'],
  ['pause', 'pause: name a sync or a source:target'],
  ['resume a:c', 'resume "a:c": no such sync or source:target (did you mean "a:b"?)'],
  ['pause x', 'pause "x": no such sync or source:target (known: s, a:b)'],
  ['status --watch 0x10', '--watch 0x10: give a number of seconds up to 86400'],
  ['status --watch -1', '--watch -1: give a number of seconds up to 86400'],
  ['status --watch 1e9', '--watch 1e9: give a number of seconds up to 86400'],
  ['config', 'config: choose validate, print or schema'],
  ['config valdate', 'config "valdate": choose validate, print or schema'],
  ['config print more', 'unknown argument "more"'],
  ['run --password=hunter2', `--password: ${noSecrets}`],
  ['run --url=postgres://u:hunter2@h/d', `--url: ${noSecrets}`],
  ['status postgres://u:hunter2@h/d', noSecrets],
  ['PGPASSWORD=hunter2 status', noSecrets],
];

test.each(mistakes)('%s', async (typed, ...lines) => {
  const args = typed.split(' ').filter((word) => word !== '');
  const env = { REPLICATOR_CONFIG: config, LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de' };
  const { code, stderr } = await refused(args, { env });
  const hint = lines.length === 1 ? ['  USAGE: see `replicator --help`'] : [];
  expect(stderr).toEqual([...lines.map((line) => `replicator: ${line}`), ...hint]);
  expect(code).toBe(64);
  expect(stderr.join()).not.toContain('hunter2');
});

const empty = mkdtempSync(join(folder, 'empty-'));
writeFileSync(join(folder, 'empty.yaml'), '');
symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
writeFileSync(join(folder, 'latin1.yaml'), Buffer.from('# caf\xe9', 'latin1'));

const howToWrite = 'what to write into it: docs/reference/configuration.md';
const missing = (namedBy: string) =>
  `correct ${namedBy}, a relative path begins where the command runs; ${howToWrite}`;

test.each<[string, string, string?]>([
  ['missing.yaml', 'missing.yaml: no such file', missing('--config')],
  ['replicator.yaml/x', 'replicator.yaml/x: no such file', missing('--config')],
  ['.', '.: is a directory, not a file'],
  ['loop.yaml', 'loop.yaml: too many symbolic links'],
  ['empty.yaml', 'empty.yaml: is empty'],
  ['latin1.yaml', 'latin1.yaml: is not UTF-8 text'],
])('-c %s', async (path, line, hint) => {
  expect(await refused(['run', '-c', path], { cwd: folder })).toEqual(badFile(line, hint));
});

test('a file that REPLICATOR_CONFIG names', async () => {
  const env = { REPLICATOR_CONFIG: 'missing.yaml' };
  expect(await refused(['status'], { cwd: folder, env })).toEqual(
    badFile('missing.yaml: no such file', missing('REPLICATOR_CONFIG')),
  );
});

test('no file anywhere', async () => {
  expect(await refused(['run'], { cwd: empty })).toEqual(
    badFile(
      'no configuration file: neither replicator.yaml nor /etc/replicator/replicator.yaml is there; name it with --config or REPLICATOR_CONFIG',
      howToWrite,
    ),
  );
});

function badFile(line: string, hint = 'correct the configuration file'): Told {
  const stderr = [`replicator: ${line}`, `  CONFIGURATION: ${hint}`];
  return { code: 78, stdout: [], stderr };
}

test('config prints JSON when JSON is asked for', async () => {
  const data = async (...args: string[]) => {
    const { code, stdout, stderr } = await told(['config', ...args, '-c', config]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
    return JSON.parse(stdout.join('\n'));
  };
  for (const asJson of [['--json'], ['--output', 'json']])
    expect(await data('print', ...asJson)).toMatchObject({
      schemaVersion: 1,
      file: config,
      databases: { a: { host: '127.0.0.1', port: 1, dbname: 'a', user: 'u' } },
      relgroups: { r: { tables: ['public.t'], exclude: [] } },
      syncs: { s: { initial_copy: 'none' } },
      shutdown_timeout: '10s',
      subscriptions: ['a:b'],
    });
  expect(await data('validate', '--json')).toEqual({
    schemaVersion: 1,
    file: config,
    warnings: [],
    subscriptions: ['a:b'],
  });
});

test('help and version', async () => {
  for (const args of [['--help'], ['help']]) {
    const { code, stdout, stderr } = await told(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
    expect(stdout).toContain(
      '  replicator teardown                 remove slots, publications, origins and',
    );
    expect(stdout).toContain(
      'Exit codes: 0 done; 1 ran fine and found something; 64 wrong command line;',
    );
    expect(stdout).toContain('77 missing privilege; 78 configuration or set-up wrong;');
  }
  // It does not watch where it is not told to.
  const ofStatus = (await told(['status', '--help'])).stdout.join('\n').replaceAll(/\s+/g, ' ');
  expect(ofStatus).toContain('--watch again every so many seconds, 2 where none are given');
  expect(ofStatus).not.toContain('default');
  const { stdout } = await told(['help', 'wait']);
  expect(stdout[0]).toBe('replicator wait');
  expect(await told(['--version'])).toEqual({
    code: 0,
    stdout: [expect.stringMatching(/^\d+\.\d+\.\d+/)],
    stderr: [],
  });
});
