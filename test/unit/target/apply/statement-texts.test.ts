import { expect, test } from 'vitest';
import { StatementNames } from '../../../../src/target/apply/statement-texts.ts';

test('a text has one name while it is used, and there are not many of them', () => {
  const names = new StatementNames();
  const [used, ...others] = Array.from({ length: 5_000 }, (_, i) => `select ${i}`);
  const given = new Set<string>();
  for (const text of others) {
    expect(names.of(used ?? '')).toBe('s0');
    given.add(names.of(text));
  }
  expect(given).not.toContain('s0');
  expect(given.size).toBe(999);
});
