// What is decided upon must be locked: users write at the same time.

import { expect, test } from 'vitest';
import { Tuple } from '../../../../src/model/tuple.ts';
import { describeTables } from '../../../../src/postgres/catalog.ts';
import type { GroupResult, Statement } from '../../../../src/postgres/statement-group.ts';
import { matchTable } from '../../../../src/target/apply/target-table.ts';
import { ask, both, rowUnderKey } from '../../../../src/target/conflict/look-at-row.ts';
import { holdersOfValues } from '../../../../src/target/conflict/look-at-values.ts';
import { newest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture } from '../apply/applier-fixture.ts';

const contested = { sync: 's', log: 'full', windowMs: 0, pauses: false } as const;

test.each([
  { what: 'under its key', id: 1, sql: `insert into t values (1, 'other')`, before: 0 },
  // behind the looks at the row under its key
  { what: 'with its value', id: 2, sql: `insert into t values (1, 'x')`, before: 2 },
])('a row $what that a user inserts while it is looked for is locked', async (inserted) => {
  const fixture = await ApplierFixture.create(newest);
  try {
    await fixture.target.query('create table t (id int primary key, v text unique)');
    const { session } = fixture.applier;
    const [catalog] = await describeTables(session, [{ schema: 'public', name: 't' }]);
    await fixture.source.query('create table t (id int primary key, v text unique)');
    const table = matchTable(await fixture.relation('t'), catalog, 'b', contested);
    const { key = [] } = table;
    let looks = 0;
    /** The user commits behind the locks, and before one of the looks. */
    const execute = async (statements: readonly Statement[]): Promise<GroupResult[]> => {
      const results: GroupResult[] = [];
      for (const statement of statements) {
        if (!statement.text.includes('for update')) {
          if (looks === inserted.before) await fixture.target.query(inserted.sql);
          looks += 1;
        }
        results.push(...(await session.group([statement])));
      }
      return results;
    };
    await session.group([{ text: 'begin' }]);
    const incoming = {
      kind: 'insert',
      key: [String(inserted.id)],
      row: Tuple.of([String(inserted.id), 'x']),
      time: 0n,
    } as const;
    const change = { table, key, incoming, version: { time: 0n, rank: 1 } };
    const [found, values] = await ask(
      execute,
      both(rowUnderKey(table, key, incoming), holdersOfValues(change, new Map())),
    );
    expect(found.presentRow ?? values?.taken[0]?.holder?.row).toBeDefined();
    const update = fixture.target.query(`set lock_timeout = '100ms'; update t set v = 'new'`);
    await expect(update).rejects.toMatchObject({ code: '55P03' });
    await session.rollback();
  } finally {
    await fixture.close();
  }
});
