import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';
import { sampleFile } from './sample-file.ts';

let folder = '';
let env: Record<string, string> = {};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replicator-config-'));
  env = { HOME: folder };
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (name: string, text: string | Uint8Array, mode = 0o600): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
};

test('the path goes before REPLICATOR_CONFIG', async () => {
  const one = await write('one.yaml', sampleFile());
  const two = await write('two.yaml', sampleFile());
  expect((await loadConfig({ path: one, env: { ...env, REPLICATOR_CONFIG: two } })).file).toBe(one);
  expect((await loadConfig({ env: { ...env, REPLICATOR_CONFIG: two } })).file).toBe(two);
});

test('replicator.yaml of the working directory comes next', async () => {
  await write('replicator.yaml', sampleFile({ 10: 'x: 1' }));
  const cwd = process.cwd();
  process.chdir(folder);
  try {
    await expect(loadConfig({ env: { ...env, REPLICATOR_CONFIG: '' } })).rejects.toThrow(
      /^replicator\.yaml:10:1: unknown key "x"/,
    );
  } finally {
    process.chdir(cwd);
  }
});

test('variables come from the environment that is given', async () => {
  const path = await write(
    'replicator.yaml',
    sampleFile({ 10: 'log: { level: "$' + '{LEVEL}" }' }),
  );
  expect((await loadConfig({ path, env: { ...env, LEVEL: 'warn' } })).log.level).toBe('warn');
});

test('paths in the file start at its folder', async () => {
  const entry = '  a: { host: h, dbname: d, user: u, password_file: secrets/a }';
  const path = await write('replicator.yaml', sampleFile({ 2: entry }));
  await mkdir(join(folder, 'secrets'));
  await write('secrets/a', 'pass\n');
  const { databases } = await loadConfig({ path, env });
  expect(await databases.get('a')?.password()).toBe('pass');
});

test('a byte order mark does no harm', async () => {
  const path = await write('replicator.yaml', `\ufeff${sampleFile({ 1: 'database:' })}`);
  await expect(loadConfig({ path, env })).rejects.toThrow(`${path}:1:1: unknown key "database"`);
});

test.each([
  ['no such file', async () => join(folder, 'missing.yaml')],
  ['no such file', async () => join(await write('file', ''), 'below.yaml')],
  ['is a directory, not a file', async () => folder],
  ['is empty', () => write('empty.yaml', '')],
  ['is not UTF-8 text', () => write('binary.yaml', Uint8Array.of(0x61, 0xff))],
])('one line says: %s', async (reason, makePath) => {
  const path = await makePath();
  await expect(loadConfig({ path, env })).rejects.toMatchObject({
    code: 'CONFIGURATION',
    problems: [`${path}: ${reason}`],
  });
});

test('without a file, says where it was looked for', async () => {
  const cwd = process.cwd();
  process.chdir(folder);
  try {
    await expect(loadConfig({ env })).rejects.toThrow(
      'no configuration file: neither replicator.yaml nor /etc/replicator/replicator.yaml is there; name it with --config or REPLICATOR_CONFIG',
    );
  } finally {
    process.chdir(cwd);
  }
});

test('warns of what others may read', async () => {
  const entry = '  a: { host: h, dbname: d, user: u, password: p }';
  const path = await write('replicator.yaml', sampleFile({ 2: entry }), 0o644);
  const pgpass = await write('.pgpass', '*:*:*:*:p', 0o640);
  expect((await loadConfig({ path, env })).warnings).toEqual([
    expect.stringMatching(/:2:47: databases\.a\.password holds a password, and everyone/),
    `${pgpass}: not used, because others may read it (mode 0640): chmod 600 it`,
  ]);
  await chmod(pgpass, 0o600);
  await chmod(path, 0o640);
  expect((await loadConfig({ path, env })).warnings).toEqual([]);
});
