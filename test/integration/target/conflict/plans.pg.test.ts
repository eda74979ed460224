// What is kept beside the rows is looked up by its key, also by a plan that was made when there was none of it:
// statistics come later, and a batch would read all of it until then.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tuple } from '../../../../src/model/tuple.ts';
import { describeTables } from '../../../../src/postgres/catalog.ts';
import type { Statement } from '../../../../src/postgres/statement-group.ts';
import { matchTable, type TargetTable } from '../../../../src/target/apply/target-table.ts';
import { guardedInsert } from '../../../../src/target/conflict/guarded-statements.ts';
import { rowUnderKey } from '../../../../src/target/conflict/look-at-row.ts';
import { holdersOfValues } from '../../../../src/target/conflict/look-at-values.ts';
import { planOwn } from '../../../../src/target/conflict/own-stream.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture } from '../apply/applier-fixture.ts';

const contested = { sync: 's', log: 'full', windowMs: 0, pauses: false } as const;
const write = { key: ['1'], row: Tuple.of(['1', 'x']), time: 0n };
const incoming = { ...write, kind: 'insert' } as const;

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;
  let table: TargetTable;

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major);
    await fixture.onBoth('create table t (id int primary key, v text unique)');
    const [catalog] = await describeTables(fixture.applier.session, [
      { schema: 'public', name: 't' },
    ]);
    table = matchTable(await fixture.relation('t'), catalog, 'b', contested);
  });

  afterEach(async () => await fixture.close());

  async function planOf({ text, values = [] }: Statement): Promise<string> {
    const { session } = fixture.applier;
    await session.query(`prepare looked as ${text}`);
    const nulls = values.length === 0 ? '' : `(${values.map(() => 'null').join(', ')})`;
    const plan = await session.query(`explain (costs off) execute looked${nulls}`);
    return plan.map((row) => row['QUERY PLAN']).join('\n');
  }

  test.each<[string, string, () => readonly Statement[]]>([
    [
      'the tombstone of a row that is looked at',
      'tombstones',
      () => rowUnderKey(table, table.key ?? [], incoming).statements,
    ],
    [
      'the tombstones of own rows',
      'tombstones',
      () => {
        const step = { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts: [write] };
        return planOwn(table, table.key ?? [], step, { name: 'b', rank: 2 });
      },
    ],
    [
      'the tombstones of rows that are inserted',
      'tombstones',
      () => {
        const guard = { rank: 1, originId: undefined };
        const options = { mayExist: true };
        return [guardedInsert(table, table.key ?? [], [write], guard, options).whole()];
      },
    ],
    [
      'the claim of a value',
      'claims',
      () => {
        const change = { table, key: table.key ?? [], incoming, version: { time: 0n, rank: 1 } };
        return holdersOfValues(change, new Map()).statements;
      },
    ],
  ])('%s', async (_, kept, statementsOf) => {
    const statement = statementsOf().find(({ text }) => text.includes(`replicator.${kept} `));
    const plan = await planOf(statement ?? { text: 'select' });
    const hash = kept === 'claims' ? 'value_hash' : 'key_hash';
    expect(plan).toMatch(new RegExp(`Index Cond: \\(\\(relation = .*AND \\(${hash} = `));
  });
});
