import { expect, test } from 'vitest';
import { Deadline } from '../../../src/observability/deadline.ts';
import { waitForTargets } from '../../../src/observability/wait-for-targets.ts';
import type { Session } from '../../../src/postgres/session.ts';

type Step = 'position' | 'mark' | 'progress' | 'secure';

const config = { subscriptions: [{ source: 'a', target: 'b', syncs: [] }] };

/** Its target has everything; `silentAt` is never answered. */
function sessionOf(name: string, silentAt?: Step): Session {
  const answer = async <T>(step: Step, value: T): Promise<T> =>
    await (step === silentAt ? new Promise<never>(() => {}) : Promise.resolve(value));
  const session = {
    database: { name },
    one: () => answer('position', { lsn: '0/10' }),
    query: (sql: string) =>
      answer(sql.startsWith('update') ? 'mark' : 'progress', [{ lsn: '0/10' }]),
    transaction: () => answer('secure', undefined),
  };
  return session as unknown as Session;
}

async function wait(a: Session, b: Session): Promise<void> {
  const sessions = new Map([
    ['a', a],
    ['b', b],
  ]);
  await waitForTargets(config, sessions, new Deadline(50));
}

test('returns when all is there', async () => {
  await wait(sessionOf('a'), sessionOf('b'));
});

test.each<[Step, 'a' | 'b', string]>([
  ['position', 'a', 'a has not committed the marker'],
  ['mark', 'a', 'a has not committed the marker'],
  ['progress', 'b', 'still behind: a:b'],
  ['secure', 'b', 'b has not made durable what it has'],
])('gives up in time where there is no answer to %s', async (step, where, what) => {
  const silent = (name: 'a' | 'b') => sessionOf(name, name === where ? step : undefined);
  await expect(wait(silent('a'), silent('b'))).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: `after 0.05 s ${what}`,
  });
});
