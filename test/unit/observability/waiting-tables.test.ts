import { expect, test } from 'vitest';
import type { SubscriptionConfig } from '../../../src/config/config.ts';
import { Deadline } from '../../../src/observability/deadline.ts';
import { waitForTables } from '../../../src/observability/wait-for-tables.ts';
import type { Session } from '../../../src/postgres/session.ts';

type Rows = readonly Record<string, string | null>[];

const subscription: SubscriptionConfig = {
  source: 'a',
  target: 'b',
  syncs: [
    {
      name: 's',
      relgroup: { name: 'r', tables: ['public.*'], exclude: ['public.unwanted'] },
      dbgroup: 'g',
      members: new Map(),
      initialCopy: 'none',
      conflict: 'latest',
      conflictLog: 'keys',
      conflictWindowMs: 1_000,
      truncate: 'replicate',
    },
  ],
};

function table(name: string, oid: string | null, membership: string | null) {
  return { source: 'a', schema: 'public', name, oid, membership };
}

/** `joined`: answers of the target, one after the other; the last one for ever. */
async function wait(published: Rows, ...joined: Rows[]): Promise<void> {
  const source = {
    query: async (sql: string) =>
      sql.includes('pg_publication_rel') ? published : [...published, table('unwanted', '9', '9')],
  };
  const target = { query: async () => (joined.length > 1 ? joined.shift() : joined[0]) };
  const sessions = new Map([
    ['a', source as unknown as Session],
    ['b', target as unknown as Session],
  ]);
  await waitForTables({ subscriptions: [subscription] }, sessions, new Deadline(700));
}

const late = (tables: string) => ({
  code: 'TIMEOUT',
  message: `after 0.7 s not replicated: a:b: ${tables}`,
});

test('tables that have joined, one of them under another name', async () => {
  const published = [table('t', '1', '11'), table('new name', '2', '12'), table('u', '3', '13')];
  const before = [table('t', '1', '11'), table('old name', '2', '12'), table('u', null, null)];
  await wait(published, before);
});

test('one that joins meanwhile', async () => {
  await wait([table('t', '1', '11')], [], [table('t', '1', '11')]);
});

test.each<[string, Rows]>([
  ['has not joined', []],
  ['was made anew', [table('t', '8', '11')]],
  ['was out of the publication for a while', [table('t', '1', '10')]],
])('one that %s', async (_, joined) => {
  await expect(wait([table('t', '1', '11')], joined)).rejects.toMatchObject(late('public.t'));
});
