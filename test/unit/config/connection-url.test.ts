import { expect, test } from 'vitest';
import { parseConnectionUrl } from '../../../src/config/connection-url.ts';

test.each([
  [
    'postgres://replicator@10.0.0.97:5435/master2?sslmode=verify-full',
    {
      user: 'replicator',
      host: '10.0.0.97',
      port: '5435',
      dbname: 'master2',
      sslmode: 'verify-full',
    },
  ],
  [
    'postgresql://u:p%40ss%2F%3A%25@db/a%2Fb',
    { user: 'u', password: 'p@ss/:%', host: 'db', dbname: 'a/b' },
  ],
  ['postgres://u@[::1]:5433/app', { user: 'u', host: '::1', port: '5433', dbname: 'app' }],
  ['postgres://u@%2Frun%2Fpostgresql/app', { user: 'u', host: '/run/postgresql', dbname: 'app' }],
  [
    'postgres:///app?host=/run/postgresql&user=u',
    { user: 'u', host: '/run/postgresql', dbname: 'app' },
  ],
  ['postgres://Db.Example.Com', { host: 'Db.Example.Com' }],
  [
    'postgres://h/d?sslrootcert=/a%20b.crt&sslcert=c&sslkey=k',
    { host: 'h', dbname: 'd', sslrootcert: '/a b.crt', sslcert: 'c', sslkey: 'k' },
  ],
])('%s', (url, expected) => {
  const { settings, problems } = parseConnectionUrl(url);
  expect(problems).toEqual([]);
  expect(Object.fromEntries(settings)).toEqual(expected);
});

test('what may be the rest of a password is not repeated', () => {
  expect(parseConnectionUrl('postgres://u:12?hunter2=x@h/d').problems).toEqual([
    'has an unknown parameter',
  ]);
});
