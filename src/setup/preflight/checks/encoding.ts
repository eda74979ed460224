// Values travel as UTF-8. What a source can say, a target must be able to store.
import { subscriptionName } from '../../../postgres/object-names.ts';
import type { Check, Problem } from '../finding.ts';

export const encoding: Check = {
  name: 'encoding',
  category: 'server',
  find: ({ config, databases }) => {
    const problems: Problem[] = [];
    const common = { severity: 'error', code: 'CONFIGURATION' } as const;
    for (const { name: database, server } of databases.values())
      if (server.encoding === 'SQL_ASCII')
        problems.push({
          ...common,
          database,
          message: `${database}: its encoding is SQL_ASCII, so nobody knows what its bytes mean`,
          hint: 'dump it, and restore it into a database with encoding UTF8',
        });
    for (const subscription of config.subscriptions) {
      const from = databases.get(subscription.source)?.server.encoding;
      const to = databases.get(subscription.target)?.server.encoding;
      if (from === undefined || to === undefined || from === to || to === 'UTF8') continue;
      if (from === 'SQL_ASCII' || to === 'SQL_ASCII') continue;
      problems.push({
        ...common,
        database: subscription.target,
        message: `${subscriptionName(subscription)}: the target's encoding ${to} lacks characters of the source's ${from}`,
        hint: 'dump the target, and restore it into a database with encoding UTF8',
      });
    }
    return problems;
  },
};
