import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';

test('tries until nothing is thrown and what is returned is not false', async () => {
  let attempt = 0;
  const result = await eventually(
    () => {
      attempt++;
      if (attempt === 1) throw new Error('not yet');
      return attempt === 2 ? false : `attempt ${attempt}`;
    },
    { intervalMs: 1 },
  );
  expect(result).toBe('attempt 3');
});

test('an assertion without a result is enough', async () => {
  await eventually(() => expect(1).toBe(1));
});

test('says what was awaited and what went wrong last', async () => {
  const late = eventually(() => Promise.reject(new Error('no row')), {
    timeoutMs: 30,
    intervalMs: 5,
    what: 'the row',
  });
  await expect(late).rejects.toThrow('the row: not within 30 ms: no row');
});

test('an attempt that hangs does not outlive the deadline', async () => {
  const hanging = eventually(() => new Promise(() => undefined), { timeoutMs: 30 });
  await expect(hanging).rejects.toThrow('the last attempt did not return');
});
