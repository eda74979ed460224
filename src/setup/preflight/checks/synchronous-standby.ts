// A server that takes us for a synchronous standby lets every commit wait for all targets.
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES

import type { Check } from '../finding.ts';
import { sourcesAmong } from '../members.ts';
import { walSenderName } from '../read/read-server.ts';

export const synchronousStandby: Check = {
  name: 'synchronous-standby',
  category: 'server',
  find: (facts) =>
    sourcesAmong(facts).flatMap(({ name: database, server }) => {
      const setting = server.synchronousStandbyNames;
      const ours = walSenderName(database);
      const name = standbyNames(setting).find(
        (each) => each === '*' || each.toLowerCase() === ours,
      );
      if (name === undefined) return [];
      return {
        severity: 'error',
        code: 'CONFIGURATION',
        database,
        message: `${database}: synchronous_standby_names = '${setting}' counts replicator as a standby: every commit would wait for it`,
        hint: 'alter system set synchronous_standby_names = <your standbys by name>; select pg_reload_conf()',
      };
    }),
};

/** The names of `a, "b c"`, `2 (a, b)`, `FIRST 2 (a, b)` or `ANY 2 (a, b)`. */
export function standbyNames(setting: string): string[] {
  const tokens: readonly string[] = setting.match(/"(?:[^"]|"")*"|[(),]|[^\s(),"]+/g) ?? [];
  const listed = tokens.slice(tokens.indexOf('(') + 1);
  return listed
    .filter((token) => !/^[(),]$/.test(token))
    .map((token) => token.replace(/^"(.*)"$/s, '$1').replaceAll('""', '"'));
}
