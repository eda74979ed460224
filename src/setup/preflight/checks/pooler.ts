// The origin and the replica role are set once per connection, so every statement must reach the
// same server process. A pooler would also let its other clients inherit them.
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';

export const pooler: Check = {
  name: 'pooler',
  category: 'connection',
  find: ({ databases }) => [...databases.values()].flatMap(findPooler),
};

const direct = 'connect directly to PostgreSQL, not through a pooler such as PgBouncer';

function findPooler({ name, config, connection }: DatabaseFacts): Problem[] {
  const { announcedPid, answeringPids, applicationName, serverPort } = connection;
  const pids = [...new Set([announcedPid, ...answeringPids])];
  if (pids.length > 1) {
    const message = `${name}: a pooler is in between: server processes ${pids.join(' and ')} answered on one connection`;
    return [{ severity: 'error', code: 'CONFIGURATION', database: name, message, hint: direct }];
  }
  if (!applicationName.startsWith('replicator/')) {
    const message = `${name}: a pooler seems to be in between: application_name arrived as ${JSON.stringify(applicationName)}`;
    return [{ severity: 'warning', code: 'CONFIGURATION', database: name, message, hint: direct }];
  }
  if (serverPort === null || serverPort === config.port) return [];
  return [
    {
      severity: 'notice',
      code: 'CONFIGURATION',
      database: name,
      message: `${name}: the server listens on port ${serverPort} and is reached through ${config.port}`,
      hint: 'nothing to do if that is port forwarding; through a pooler it would not work',
    },
  ];
}
