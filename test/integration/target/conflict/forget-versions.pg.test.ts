// What decides between versions is kept for as long as an older change can still come, and no longer.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { newest, sharedServer } from '../../../support/servers-for-tests.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createDatabase(await sharedServer(newest), 'forget');
  await database.query(`${schemaStatements.join(';\n')};
    insert into replicator.tombstones values
      (1, 1, '2026-01-01 12:00', 1), (1, 2, '2026-01-01 13:00', 1);
    insert into replicator.manifests (xid, relation, rank, stamp, key_hashes, commit_times) values
      (1, 1, 1, '2026-01-01 12:00', '{1}', '{2026-01-01 11:00}'),
      (2, 1, 1, '2026-01-01 13:00', '{1}', '{2026-01-01 11:00}')`);
});

afterEach(() => database.drop());

const seen = (source: string, time: string | null) =>
  database.query(
    `insert into replicator.progress (source, origin, lsn, seen_time)
     values ('${source}', '${source}', '0/1', ${time === null ? 'null' : `'${time}'`})`,
  );

const left = async () =>
  await database.query(
    'select (select count(*) from replicator.tombstones) as tombstones, ' +
      '(select count(*) from replicator.manifests) as manifests',
  );

const forget = () => database.query(`select replicator.forget('{a,b}', '10 min')`);

test('the source that was seen least far decides, and a manifest goes by its stamp', async () => {
  await seen('a', '2026-01-01 15:00');
  await seen('b', '2026-01-01 12:20');
  await forget();
  expect(await left()).toEqual([{ tombstones: '1', manifests: '1' }]);
});

test('with the manifest of a copy go the versions of its rows', async () => {
  await database.query(`update replicator.manifests set copied = true;
    insert into replicator.copied_versions values
      (1, 1, 1, '2026-01-01 11:00', 1), (1, 1, 2, '2026-01-01 12:00', 1), (2, 1, 1, '2026-01-01 11:00', 1)`);
  await seen('a', '2026-01-01 15:00');
  await seen('b', '2026-01-01 12:20');
  await forget();
  expect(await left()).toEqual([{ tombstones: '1', manifests: '1' }]);
  expect(await database.query('select xid from replicator.copied_versions')).toEqual([
    { xid: '2' },
  ]);
});

test.each([
  ['was never seen', () => seen('b', null)],
  ['has no progress', async () => {}],
])('nothing is forgotten while a source %s', async (_, prepare) => {
  await seen('a', '2026-01-01 15:00');
  await prepare();
  await forget();
  expect(await left()).toEqual([{ tombstones: '2', manifests: '2' }]);
});
