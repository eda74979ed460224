// Every database is written to: also a source has our own schema.
import type { Check } from '../finding.ts';

export const writable: Check = {
  name: 'writable',
  category: 'server',
  find: ({ databases }) =>
    [...databases.values()].flatMap(({ name: database, identity, server }) => {
      if (!identity.inRecovery && !server.readOnly) return [];
      const what = identity.inRecovery ? 'is a standby' : 'is read-only';
      return {
        severity: 'error',
        code: 'READ_ONLY',
        database,
        message: `${database}: ${what} and cannot be written to`,
        hint: `let databases.${database} point to the primary`,
      };
    }),
};
