// A pair source → target carries a table once, so the syncs that bring it must agree on how.
import type { Check } from '../finding.ts';

export const syncOptions: Check = {
  name: 'sync-options',
  category: 'configuration',
  find: ({ disagreements }) =>
    disagreements.map(({ subscription, error }) => ({
      severity: 'error',
      code: error.code,
      database: subscription.source,
      message: error.message,
      hint: error.hint,
    })),
};
