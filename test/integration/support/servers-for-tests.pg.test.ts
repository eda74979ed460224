import { expect, test } from 'vitest';
import { RunningServer } from '../../support/running-server.ts';
import { majors, newest, oldest, sharedServer } from '../../support/servers-for-tests.ts';

test.each(majors)('PostgreSQL %i is shared and cannot be stopped', async (major) => {
  const server = await sharedServer(major);
  expect(await sharedServer(major)).toBe(server);
  const [row] = await server.query('postgres', 'show server_version_num');
  expect(Number(row?.['server_version_num'])).toBeGreaterThanOrEqual(major * 10_000);
  expect(server.isOwn).toBe(false);
  await expect(server.stop()).rejects.toThrow('stop() is not available');
  await expect(server.kill()).rejects.toThrow('kill() is not available');
  await server.remove();
  expect(await server.query('postgres', 'select 1 as one')).toEqual([{ one: '1' }]);
});

test('the versions are in order', () => {
  expect(majors.indexOf(oldest)).toBe(0);
  expect(majors.indexOf(newest)).toBe(majors.length - 1);
});

test('a running server keeps all of its URL but the database', () => {
  const server = new RunningServer({
    major: 15,
    url: 'postgresql://me:secret@db.example:6432/mine?sslmode=disable',
    why: 'TEST_PG_15 is a running server',
  });
  expect(server.url('a b')).toBe('postgresql://me:secret@db.example:6432/a%20b?sslmode=disable');
  expect(server.port).toBe(6432);
  expect(() => server.dataDirectory).toThrow('TEST_PG_15 is a running server');
  expect(() => server.pid()).toThrow('pid() is not available');
});
