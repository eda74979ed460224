import { describe, expect, test } from 'vitest';
import { pooler } from '../../../../src/setup/preflight/checks/pooler.ts';
import { sameDatabase } from '../../../../src/setup/preflight/checks/same-database.ts';
import { database, oneWay, told } from './facts-fixture.ts';

describe('pooler', () => {
  const find = (connection: Partial<ReturnType<typeof database>['connection']>) =>
    told(pooler.find(oneWay(database('a', { connection }), database('b'))));

  test('is not there when one server process answers', () => {
    expect(find({})).toEqual([]);
    expect(find({ serverPort: null })).toEqual([]);
  });

  test('gives itself away by the server processes', () => {
    expect(find({ answeringPids: [7, 8] })).toEqual([
      'error: a: a pooler is in between: server processes 7 and 8 answered on one connection',
    ]);
    expect(find({ announcedPid: 1, answeringPids: [8, 8] })).toEqual([
      'error: a: a pooler is in between: server processes 1 and 8 answered on one connection',
    ]);
  });

  test('gives itself away by the application name', () => {
    expect(find({ applicationName: 'app - 10.0.0.1:1' })).toEqual([
      'warning: a: a pooler seems to be in between: application_name arrived as "app - 10.0.0.1:1"',
    ]);
  });
});

describe('same-database', () => {
  const one = { systemIdentifier: '1', databaseOid: '2' };

  test('is one server under two names', () => {
    const server = { startedAt: 'then' };
    const a = database('a', { identity: one, server });
    expect(told(sameDatabase.find(oneWay(a, database('b', { identity: one, server }))))).toEqual([
      'error: b: is the same database as a: db b of one server',
    ]);
    const other = database('b', { identity: { ...one, databaseOid: '3' }, server });
    expect(sameDatabase.find(oneWay(a, other))).toEqual([]);
  });

  test('is a copy of files', () => {
    const [a, b] = [database('a', { identity: one }), database('b', { identity: one })];
    expect(told(sameDatabase.find(oneWay(a, b)))).toEqual([
      "error: b: has the identity of a (system identifier 1): one is a copy of the other's files",
    ]);
    const standby = database('b', { identity: { ...one, inRecovery: true } });
    expect(sameDatabase.find(oneWay(a, standby))).toEqual([]);
  });
});
