import { describe, expect, test } from 'vitest';
import { findInPgpass, pgpassPath } from '../../../src/config/pgpass.ts';

const query = { host: 'db1', port: 5432, dbname: 'app', user: 'u' };

describe('finds', () => {
  test.each([
    ['the line that matches', 'db2:5432:app:u:no\ndb1:5432:app:u:yes\n', {}],
    ['the first of several', 'db1:5432:app:u:yes\n*:*:*:*:no', {}],
    ['wildcards', '*:*:*:*:yes', {}],
    ['Windows line ends', 'db1:5432:app:u:yes\r\n', {}],
    ['an escaped colon in a name', 'db1:5432:a\\:pp:u:yes', { dbname: 'a:pp' }],
    ['an escaped backslash in a name', 'db1:5432:a\\\\pp:u:yes', { dbname: 'a\\pp' }],
    ['an address of version 6', '\\:\\:1:5432:app:u:yes', { host: '::1' }],
    [
      'the usual socket folder as localhost',
      'localhost:5432:app:u:yes',
      { host: '/var/run/postgresql' },
    ],
    ['another socket folder by its path', '/srv/pg:5432:app:u:yes', { host: '/srv/pg' }],
    ['a wildcard only as a whole field', 'db*:*:*:*:no\n*:*:*:*:yes', {}],
    ['a star that is escaped', 'db1:5432:\\*:u:yes', { dbname: '*' }],
    ['no comment', '#*:*:*:*:no\n*:*:*:*:yes', {}],
    ['no line that is too short', 'db1:5432:app:u\n\n*:*:*:*:yes', {}],
  ])('%s', (_, text, changes) => {
    expect(findInPgpass(text, { ...query, ...changes })).toBe('yes');
  });

  test.each([
    ['colons', 'a:b:c', 'a:b:c'],
    ['escapes', 'a\\:b\\\\c', 'a:b\\c'],
    ['an unneeded escape', 'a\\bc', 'abc'],
    ['a backslash at the end', 'abc\\', 'abc\\'],
    ['spaces', ' a b ', ' a b '],
  ])('a password with %s', (_, written, password) => {
    expect(findInPgpass(`*:*:*:*:${written}\n`, query)).toBe(password);
  });
});

test('finds nothing', () => {
  expect(findInPgpass('', query)).toBeUndefined();
  expect(findInPgpass('db1:5433:app:u:no\ndb1:5432:app2:u:no\n', query)).toBeUndefined();
});

test('the file is where libpq has it', () => {
  expect(pgpassPath({ PGPASSFILE: '/etc/pgpass', HOME: '/home/u' })).toBe('/etc/pgpass');
  expect(pgpassPath({ PGPASSFILE: '', HOME: '/home/u' })).toBe('/home/u/.pgpass');
});
