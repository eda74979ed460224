// Origins belong to the whole server; ours are always recorded in the database that they serve.

import { quoteLiteral } from '../../../postgres/identifiers.ts';
import { originName, subscriptionName } from '../../../postgres/object-names.ts';
import type { Check } from '../finding.ts';

export const origin: Check = {
  name: 'origin',
  category: 'state',
  find: ({ config, databases }) =>
    config.subscriptions.flatMap((subscription) => {
      const target = databases.get(subscription.target);
      const name = originName(subscription.source, subscription.target);
      if (target === undefined || !target.server.origins.includes(name)) return [];
      const isReadable = target.schema?.installed !== true || target.state?.content !== undefined;
      const recorded = Object.values(target.state?.content?.origins ?? {});
      if (!isReadable || recorded.includes(name)) return [];
      return {
        severity: 'error',
        code: 'IDENTITY',
        database: target.name,
        message: `${subscriptionName(subscription)}: replication origin ${name} exists on ${target.name} already and is not recorded there`,
        hint: `if no other database of that server uses it: select pg_replication_origin_drop(${quoteLiteral(name)})`,
      };
    }),
};
