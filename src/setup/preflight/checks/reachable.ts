// Databases that could not be asked; about them all other checks are silent.
import type { Check } from '../finding.ts';

export const reachable: Check = {
  name: 'reachable',
  category: 'connection',
  find: ({ unavailable }) =>
    [...unavailable].map(([database, { code, message, hint }]) => ({
      severity: 'error',
      code,
      database,
      message,
      hint,
    })),
};
