// Schema `replicator`: is it there, of this version, and made for this very database?

import type { Config } from '../../../config/config.ts';
import { schemaVersion } from '../../schema.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';

export const installation: Check = {
  name: 'installation',
  category: 'state',
  find: ({ config, databases }) => [...databases.values()].flatMap((each) => judge(config, each)),
};

function judge(
  config: Config,
  { name: database, schema, state, identity }: DatabaseFacts,
): Problem[] {
  if (schema?.installed !== true) {
    if (schema?.hasRelations)
      return [
        {
          severity: 'error',
          code: 'CONFIGURATION',
          database,
          message: `${database}: schema replicator exists and was not made by replicator`,
          hint: 'alter schema replicator rename to another name',
        },
      ];
    return [
      {
        severity: 'notice',
        code: 'NOT_SET_UP',
        database,
        message: `${database}: not set up yet`,
        hint: 'run `replicator init`, or let `replicator run` do it',
      },
    ];
  }
  // Not readable: that is a missing privilege.
  if (state === undefined) return [];
  const error = (code: Problem['code'], what: string, hint: string): Problem[] => [
    { severity: 'error', code, database, message: `${database}: ${what}`, hint },
  ];
  if (state.version > schemaVersion)
    return error(
      'CONFIGURATION',
      `schema replicator has version ${state.version}, this program knows ${schemaVersion}`,
      'run the newer version of replicator',
    );
  if (
    state.systemIdentifier !== identity.systemIdentifier ||
    state.databaseOid !== identity.databaseOid
  )
    return error(
      'IDENTITY',
      'schema replicator was made for another server or database: is this a copy?',
      'in a copy: drop schema replicator cascade, then `replicator init`',
    );
  const isSource = Object.keys(state.content?.slots ?? {}).length > 0;
  if (state.database !== database && isSource)
    return error(
      'CONFIGURATION',
      `it was set up as ${state.database}, and is a source under that name`,
      `call it ${state.database} in the file, or run \`replicator teardown\` first`,
    );
  if (state.database !== database && config.databases.has(state.database))
    return error(
      'CONFIGURATION',
      `it was set up as ${state.database}, and ${state.database} is the name of another one`,
      `call it ${state.database} in the file, or by a name that no database has had`,
    );
  return [];
}
