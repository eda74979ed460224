// A slot can only be made where WAL holds what decoding needs.

import type { Check } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

// From 19 on the first logical slot raises the level by itself, if it was `replica`.
const raisesItselfFrom = 19;

export const walLevel: Check = {
  name: 'wal-level',
  category: 'server',
  find: (facts) =>
    sourcesAmong(facts).flatMap(({ name: database, identity, server }) => {
      const isEnough =
        server.walLevel === 'logical' ||
        (server.walLevel === 'replica' && identity.major >= raisesItselfFrom);
      if (isEnough) return [];
      return {
        severity: 'error',
        code: 'CONFIGURATION',
        database,
        message: `${database}: wal_level is ${server.walLevel}, a source needs logical`,
        hint: 'alter system set wal_level = logical; then restart the server',
      };
    }),
};
