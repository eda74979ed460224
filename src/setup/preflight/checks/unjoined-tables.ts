// Tables that appeared, or came into the file, after a subscription began.
import { subscriptionName } from '../../../postgres/object-names.ts';
import type { CarriedTable } from '../carried-tables.ts';
import type { Check } from '../finding.ts';

export const unjoinedTables: Check = {
  name: 'unjoined-tables',
  category: 'state',
  find: ({ carried }) =>
    carried
      .filter((each) => hasBegun(each) && !each.joined)
      .map(({ label, subscription, options, taken }) => ({
        severity: 'notice',
        code: 'NOT_SET_UP',
        database: subscription.target,
        table: label,
        message: `${subscriptionName(subscription)}: ${label} is not replicated yet: it joins when \`run\` starts, or begins anew at \`kill -HUP\``,
        hint: taken
          ? `${label} of ${subscription.target} follows another table, which has a new name: rename it there as well first`
          : options.initialCopy === 'none'
            ? 'with initial_copy: none it joins only while it is empty on both sides'
            : 'kill -HUP the `run`',
      })),
};

function hasBegun({ source, target }: CarriedTable): boolean {
  return target?.state?.content?.joined.some((table) => table.source === source.name) === true;
}
