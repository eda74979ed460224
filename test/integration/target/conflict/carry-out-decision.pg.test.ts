// A decision goes into the table that was meant, or nowhere.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Session } from '../../../../src/postgres/session.ts';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import {
  carryOut,
  readUndecided,
  type Undecided,
} from '../../../../src/target/conflict/carry-out-decision.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { newest, oldest, sharedServer } from '../../../support/servers-for-tests.ts';

describe.each([...new Set([oldest, newest])])('PostgreSQL %i', (major) => {
  let database: TestDatabase;
  let session: Session;

  beforeAll(async () => {
    database = await createDatabase(await sharedServer(major), 'carry out');
    await database.query(schemaStatements.join(';\n'));
    const purpose = 'control';
    session = await Session.connect(databaseConfig(database), { purpose, name: 'b' });
  }, 30_000);

  beforeEach(async () => {
    await database.query(`drop table if exists t, other;
      create table t (id int, v text, primary key (id)) partition by hash (id);
      create table t_0 partition of t for values with (modulus 1, remainder 0);
      create table other (id int primary key, v text)`);
  });

  afterAll(async () => {
    await session.close();
    await database.drop();
  });

  /** The row was deleted here, so nothing but the key tells it from one of another table. */
  async function undecided(): Promise<Undecided> {
    const [row] = await database.query(
      `insert into replicator.conflicts (sync, source, relation, table_schema, table_name, key,
         conflict_type, resolution, rule, local_database, local_commit_time, remote_commit_time,
         local_row, remote_row)
       values ('app', 'a', 't'::regclass, 'public', 't', '{"id": "1"}', 'update_deleted', 'error',
         'pause', 'b', '2026-01-01', '2026-01-02', null, '{"id": "1", "v": "of a"}') returning id`,
    );
    const found = await readUndecided(session, row?.['id'] ?? '');
    return found as Undecided;
  }

  const swap = () =>
    database.query(
      'alter table t rename to t_old; alter table other rename to t; alter table t_old rename to other',
    );

  const rows = (table: string) => database.query(`select id, v from ${table}`);

  test('also where it is partitioned, and another has its name', async () => {
    const conflict = await undecided();
    await swap();
    expect(await carryOut(session, conflict, 'remote', 0)).toBe('decided');
    expect(await rows('t')).toEqual([]);
    expect(await rows('other')).toEqual([{ id: '1', v: 'of a' }]);
  });

  test('not where tables change names while it is written', async () => {
    const conflict = await undecided();
    const query = session.query.bind(session);
    const begins = vi.spyOn(session, 'query').mockImplementationOnce(query);
    begins.mockImplementationOnce(async (...describes) => {
      const tables = await query(...describes);
      await swap();
      return tables as never;
    });
    await expect(carryOut(session, conflict, 'remote', 0)).rejects.toThrow(
      'table public.t was altered meanwhile',
    );
    for (const table of ['t', 'other']) expect(await rows(table)).toEqual([]);
    expect(await readUndecided(session, conflict.id)).toMatchObject({
      table: { schema: 'public', name: 'other' },
    });
  });

  test('nowhere when it is gone', async () => {
    const conflict = await undecided();
    await database.query('drop table t; alter table other rename to t');
    expect(await carryOut(session, conflict, 'remote', 0)).toBe('the table is not there any more');
    expect(await rows('t')).toEqual([]);
    expect(await readUndecided(session, conflict.id)).toBeUndefined();
  });
});
