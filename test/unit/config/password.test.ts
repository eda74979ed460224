import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  fixedPassword,
  passwordFromFile,
  passwordFromPgpass,
} from '../../../src/config/password.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replicator-password-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(text: string, mode = 0o600): Promise<string> {
  const path = join(folder, 'password');
  await rm(path, { force: true });
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

test('a fixed password', async () => {
  expect(await fixedPassword('p')()).toBe('p');
});

test.each([
  ['pass', 'pass'],
  ['pass\n', 'pass'],
  ['pass\r\n', 'pass'],
  ['pass\n\n', 'pass\n'],
  [' pass ', ' pass '],
  ['pä$$:ß', 'pä$$:ß'],
])('of the file %j the password is %j', async (text, password) => {
  expect(await passwordFromFile('a', await fileWith(text))()).toBe(password);
});

test('the file is read each time', async () => {
  const path = await fileWith('old');
  const password = passwordFromFile('a', path);
  expect(await password()).toBe('old');
  await writeFile(path, 'new\n');
  expect(await password()).toBe('new');
});

test.each([
  ['is empty', () => fileWith('\n')],
  ['readable by everyone (mode 0644)', () => fileWith('secret', 0o644)],
  ['is a directory, not a file', async () => folder],
  ['no such file', async () => join(folder, 'missing')],
])('a password file that is refused: %s', async (reason, makePath) => {
  const path = await makePath();
  await expect(passwordFromFile('a', path)()).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: `password_file ${path} of a: ${reason}`,
  });
});

test('a group may read the file', async () => {
  expect(await passwordFromFile('a', await fileWith('p', 0o640))()).toBe('p');
});

test('.pgpass is used only when it is private, as by libpq', async () => {
  const query = { host: 'h', port: 5432, dbname: 'd', user: 'u' };
  const lookUp = (path: string) => passwordFromPgpass(path, query)();
  expect(await lookUp(await fileWith('h:5432:d:u:p'))).toBe('p');
  expect(await lookUp(await fileWith('h:5432:d:other:p'))).toBeUndefined();
  expect(await lookUp(await fileWith('h:5432:d:u:p', 0o640))).toBeUndefined();
  expect(await lookUp(join(folder, 'missing'))).toBeUndefined();
});
