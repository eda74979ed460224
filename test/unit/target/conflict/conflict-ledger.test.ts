import { expect, test } from 'vitest';
import { ConflictLedger } from '../../../../src/target/conflict/conflict-ledger.ts';

test('counts of one kind add up, and more rows than were expected are no conflict', () => {
  const ledger = new ConflictLedger({ source: 'a', target: 'b', execute: async () => [] });
  // A delete of a row that was born in the batch can find one that was there all the same.
  ledger.count('delete_missing', 'skip', -1);
  expect(ledger.statements()).toEqual([]);
  ledger.count('delete_missing', 'skip', 2);
  ledger.count('delete_missing', 'skip', -1);
  ledger.count('delete_missing', 'skip', 3);
  expect(ledger.summary).toEqual({ delete_missing: 5 });
});
