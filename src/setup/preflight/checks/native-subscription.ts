// Rows that a native subscription brings carry an origin, and what carries an origin is not
// forwarded: the other databases would never see them.
import { tableLabel } from '../../../model/relation.ts';
import { sourceEnds } from '../carried-tables.ts';
import type { Check } from '../finding.ts';

export const nativeSubscription: Check = {
  name: 'native-subscription',
  category: 'publication',
  find: (facts) =>
    sourceEnds(facts).flatMap(({ label, database: { name: database, subscriptions } }) =>
      subscriptions
        .filter(({ tables }) => tables.some((table) => tableLabel(table) === label))
        .map((subscription) => ({
          severity: 'warning',
          code: 'CONFIGURATION',
          database,
          table: label,
          message: `${database}: subscription ${subscription.name} brings rows into ${label}, which are not replicated further`,
          hint: `make its publisher a source in the file, or exclude ${label}`,
        })),
    ),
};
