// The slot of a source holds what the targets do not have yet. It is never made a second time.
import { publicationName, slotName } from '../../../postgres/object-names.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

export const slot: Check = {
  name: 'slot',
  category: 'state',
  find: (facts) => sourcesAmong(facts).flatMap(judge),
};

function judge(source: DatabaseFacts): Problem[] {
  const { name: database, config, publications, server, schema, state } = source;
  const found = server.slot;
  const name = slotName(database);
  const recorded = state?.content?.slots[name];
  const report = (
    code: Problem['code'],
    what: string,
    hint: string,
    severity: Problem['severity'] = 'error',
  ): Problem[] => [
    { severity, code, database, message: `${database}: slot ${name} ${what}`, hint },
  ];
  if (found === undefined) {
    if (recorded?.state !== 'created') return [];
    return report(
      'SLOT_MISSING',
      'is gone: changes since then are lost to its targets',
      '`replicator resync` its targets',
    );
  }
  if (found.database !== config.dbname)
    return report(
      'IDENTITY',
      `belongs to database ${found.database}`,
      'call this database otherwise in the file: slots are shared by all databases of a server',
    );
  const isUnknown = schema?.installed !== true || (state?.content && recorded === undefined);
  if (isUnknown || found.plugin !== 'pgoutput' || found.temporary || found.twoPhase)
    return report(
      'IDENTITY',
      'exists already and was not made by replicator',
      `if nothing else reads it: select pg_drop_replication_slot('${name}')`,
    );
  const { own } = publications;
  if (recorded?.publicationOid && recorded.publicationOid !== own?.oid)
    return report(
      'PUBLICATION_CHANGED',
      `was made for publication ${publicationName(database)}, which was ${own ? 'recreated' : 'dropped'} since`,
      '`replicator resync` its targets',
    );
  if (found.walStatus === 'lost')
    return report('SLOT_LOST', 'has lost WAL that it needs', '`replicator resync` its targets');
  if (found.walStatus === 'unreserved')
    return report(
      'SLOT_LOST',
      'is about to lose WAL that it needs (max_slot_wal_keep_size)',
      'start replicator, or raise max_slot_wal_keep_size now',
      'warning',
    );
  return [];
}
