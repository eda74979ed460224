// A table that joins must not stop its writers behind one of them that takes long.
import { expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { addToPublication } from '../../../src/snapshot/add-to-publication.ts';
import { createDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

test('a transaction that has written is not waited for without end', async () => {
  const database = await createDatabase(await sharedServer(newest), 'add to publication');
  await database.query('create table t (id int); create publication replicator_b');
  const options = { purpose: 'copy', name: 'b' } as const;
  {
    await using writer = await Session.connect(databaseConfig(database), options);
    await using source = await Session.connect(databaseConfig(database), options);
    const join = () =>
      addToPublication(source, { schema: 'public', name: 't' }, { onlyIfEmpty: false });
    await writer.query('begin');
    await writer.query('insert into public.t values (1)');
    await expect(join()).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(await database.query('select from pg_locks where not granted')).toEqual([]);
    await writer.query('commit');
    await expect(join()).resolves.toBeGreaterThan(0n);
  }
  await database.drop();
}, 15_000);

test('a table joins without those that inherit from it, also where one of them is published', async () => {
  const database = await createDatabase(await sharedServer(newest), 'inherited');
  await database.query(`create table p (id int); create table c () inherits (p);
    create table d () inherits (p); create publication replicator_b for table c`);
  {
    await using source = await Session.connect(databaseConfig(database), {
      purpose: 'copy',
      name: 'b',
    });
    await addToPublication(source, { schema: 'public', name: 'p' }, 'without a lock');
  }
  expect(await database.query('select tablename from pg_publication_tables order by 1')).toEqual([
    { tablename: 'c' },
    { tablename: 'p' },
  ]);
  await database.drop();
});

test('a publication that was dropped is no drift of the table', async () => {
  const database = await createDatabase(await sharedServer(newest), 'dropped publication');
  await database.query('create table t (id int)');
  {
    await using source = await Session.connect(databaseConfig(database), {
      purpose: 'copy',
      name: 'b',
    });
    await expect(
      addToPublication(source, { schema: 'public', name: 't' }, 'without a lock'),
    ).rejects.toMatchObject({
      code: 'PUBLICATION_CHANGED',
      message: expect.stringContaining('publication "replicator_b" does not exist'),
    });
  }
  await database.drop();
});
