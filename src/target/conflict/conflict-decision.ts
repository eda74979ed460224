// conflict: pause. The careful path stops before a change that meets another database's, and a person
// says whose row stays (`replicator conflicts resolve`, cli/conflicts.ts). What it has to do:
//
// 1. It meets such a change (conflict-kind.ts: worth telling), on a target that is itself a source of
//    the table. Elsewhere `pause` is `latest`: a row written there by hand would reach nobody.
// 2. findDecision(): a row means that a person has spoken. Go on by the rule of `latest` and log
//    nothing more: the decision is carried out already, as a newer write than both (below).
// 3. No row: roll back; then, in a transaction of its own, recordUndecided(); then throw CONFLICT.
//
// How a decision converges: whichever row is chosen is written once more on this database, as an
// ordinary write without an origin, in the transaction that stores the decision and once its clock is
// past both versions. So it is newer than both, travels to all others like any write, and wins there.
// The change that waited is then older than the row, and loses everywhere by the same rule; that a
// person had to be asked leaves no trace in the versions. If users have changed the row since it was
// recorded, the question is dropped, and asked anew by a subscription that still waits.
import { formatCommitTime } from '../../model/commit-time.ts';
import type { Conflict } from '../../model/conflict.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { conflictColumns, insertConflicts } from './conflict-log.ts';

/** Its one row, if it has one, says `local` or `remote`. For the transaction that meets the change. */
export function findDecision(source: string, change: PausedChange): Statement {
  return {
    name: 'find_decision',
    text: `select c.decision from replicator.conflicts c
where ${sameChange('$1', '$2', '$3', '$4')} and c.decision is not null limit 1`,
    values: identityOf(source, change),
  };
}

/** Once per change, however often it is met; the target's row may be another by then. */
export function recordUndecided(source: string, conflict: Conflict): Statement {
  const row = Object.entries(
    conflictColumns(
      { ...conflict, resolution: 'error', rule: 'pause' },
      { local: true, remote: true },
    ),
  );
  const given = row.map(([name], i) => `$${i + 2}::text as ${name}`).join(', ');
  const same = sameChange('$1', 'u.remote_commit_time', 'u.relation', 'u.key');
  // A person may have spoken since it was looked for.
  return {
    name: 'record_undecided',
    text: `with u as (select ${given}),
again as (
  update replicator.conflicts c
  set conflict_type = u.conflict_type, local_commit_time = u.local_commit_time::timestamptz,
    local_database = (select r.database from replicator.ranks r
                      where r.rank = u.local_rank::integer),
    local_row = u.local_row::jsonb
  from u where ${same} and c.decision is null)
${insertConflicts} from u where not exists (select from replicator.conflicts c where ${same})`,
    values: [source, ...row.map(([, value]) => value)],
  };
}

type PausedChange = Pick<Conflict, 'table' | 'key' | 'remote'>;

function identityOf(source: string, { table, key, remote }: PausedChange): string[] {
  const time = formatCommitTime(remote.version.time);
  return [source, time, table.oid, JSON.stringify(key)];
}

/** The key is compared as the source wrote it: the same change has the same text. */
function sameChange(source: string, time: string, relation: string, key: string): string {
  return (
    `c.resolution = 'error' and c.source = ${source} and c.remote_commit_time = ${time}::timestamptz ` +
    `and c.relation = ${relation}::oid and c.key = ${key}::jsonb`
  );
}
