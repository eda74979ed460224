// Per subscription: the origin that tags our writes on the target, the progress that starts where
// the slot stands, and the source's record that both were made.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { parseLsn } from '../model/lsn.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import { originName, slotName } from '../postgres/object-names.ts';
import { originFunctions } from '../postgres/origin-functions.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { type DatabaseIdentity, serverFacts } from '../postgres/server-facts.ts';
import { servingSlot } from '../postgres/serving-slot.ts';
import type { Session } from '../postgres/session.ts';
import { type SetupSessions, type SetupStep, sessionOf } from './setup-step.ts';

/** Of what the databases receive from `sources`, which must have their slots. */
export async function* planOrigins(
  config: Config,
  sessions: SetupSessions,
  sources: readonly string[],
): AsyncGenerator<SetupStep> {
  const own = config.ownStreams.map((name) => ({ source: name, target: name }));
  for (const subscription of [...config.subscriptions, ...own])
    if (sources.includes(subscription.source) && sessions.has(subscription.target))
      yield* planSubscription(subscription, sessions);
}

async function* planSubscription(
  { source, target }: Pick<SubscriptionConfig, 'source' | 'target'>,
  sessions: SetupSessions,
): AsyncGenerator<SetupStep> {
  const from = sessionOf(sessions, source);
  const to = sessionOf(sessions, target);
  const origin = originName(source, target);
  const isSetUp = await receivesFrom(to, source);
  const identity = await serverFacts(to);
  const known = await knownTarget(from, target, identity);
  if (!isSetUp && known !== undefined && !known.beginsAnew)
    throw new ReplicatorError(
      'GAP',
      `${source}:${target}: ${target} was a target of ${source} before, but its progress is gone`,
    );
  if (isSetUp && known?.isItself !== true) await refuseOlderProgress(from, to);
  if (!isSetUp) yield* createOrigin(from, to, origin);
  if (known?.isItself === true) return;
  yield {
    database: source,
    sql:
      'insert into replicator.subscriptions (target, system_identifier, database_oid)\n' +
      `values (${quoteLiteral(target)}, ${quoteLiteral(identity.systemIdentifier)}, ${identity.databaseOid})\n` +
      'on conflict (target) do update\n' +
      'set system_identifier = excluded.system_identifier, database_oid = excluded.database_oid',
    why: `${target} as ${source} knows it, whatever its name`,
  };
}

/**
 * Only a setup that broke off leaves a progress that the source does not know, and then it stands
 * where the slot began. Another one was left by a source of the same name that was torn down or
 * replaced: everything that is written until that position would be taken for applied.
 */
async function refuseOlderProgress(from: Session, to: Session): Promise<void> {
  const source = from.database.name;
  const [slot] = await from.query(
    'select confirmed_flush_lsn::text as lsn from pg_catalog.pg_replication_slots where slot_name = $1',
    [slotName(source)],
  );
  const { lsn } = await to.one<{ lsn: string }>(
    'select lsn::text as lsn from replicator.progress where source = $1',
    [source],
  );
  // Under --dry-run there may be no slot yet.
  if (slot === undefined || parseLsn(lsn) <= parseLsn(slot['lsn'] ?? '0/0')) return;
  throw new ReplicatorError(
    'IDENTITY',
    `${source}:${to.database.name}: ${to.database.name} has progress ${lsn} of another ${source}, whose slot is not the one that is there now`,
    { hint: `run \`replicator teardown\` on ${to.database.name}, then \`replicator init\`` },
  );
}

async function* createOrigin(
  from: Session,
  to: Session,
  origin: string,
): AsyncGenerator<SetupStep> {
  const [existing] = await to.query(
    'select roname from pg_catalog.pg_replication_origin where roname = $1',
    [origin],
  );
  // Origins belong to the whole cluster; ours are always recorded in the database they serve.
  if (existing !== undefined)
    throw new ReplicatorError(
      'IDENTITY',
      `${to.database.name}: replication origin ${origin} exists already and is not recorded in ` +
        `database ${to.database.dbname}`,
      {
        hint: `if no other database of that server uses it: select pg_replication_origin_drop(${quoteLiteral(origin)})`,
      },
    );
  const source = from.database.name;
  const slot = slotName(source);
  // One statement, so one transaction: an origin is never without its record.
  yield {
    database: to.database.name,
    sql:
      `with origin as (select replicator.create_origin(${quoteLiteral(origin)}, ${quoteLiteral(await originFunctions(to))}))\n` +
      'insert into replicator.progress (source, origin, lsn, timeline, seen_time)\n' +
      `select ${quoteLiteral(source)}, ${quoteLiteral(origin)}, $1::pg_lsn, $2::bigint, $3::timestamptz from origin`,
    why: `$1: confirmed_flush_lsn of slot ${slot} on ${source}; $2: timeline of ${source}; $3: when the slot was made`,
    values: async () => {
      const { lsn, created } = await startOf(from, to.database.name);
      const { timeline } = await serverFacts(from);
      return [lsn, String(timeline), created];
    },
  };
}

/**
 * Where its slot stands, which is a copy by now if the target was away from the start; and when the
 * slot of all was made, before which nothing is to come.
 */
async function startOf(from: Session, target: string): Promise<{ lsn: string; created: string }> {
  const source = from.database.name;
  const [start] = await from.query<{ lsn: string; created: string }>(
    `select slot.lsn::text as lsn,
            (select created_at::text from replicator.slots where target is null) as created
     from (${servingSlot}) slot`,
    [target],
  );
  if (start !== undefined) return start;
  throw new ReplicatorError(
    'SERVER_BUSY',
    `${source}: slot ${slotName(source)} is being made anew`,
  );
}

/** Whether the database has its place with the source; it keeps its origin, with its name, when it gets another itself. */
export async function receivesFrom(to: Session, source: string): Promise<boolean> {
  if (!(await schemaExists(to))) return false;
  const rows = await to.query('select from replicator.progress where source = $1', [source]);
  return rows.length > 0;
}

interface KnownTarget {
  /** By whatever name; else another database had this name before. */
  readonly isItself: boolean;
  /** A person knows that nothing is left of what the target had. */
  readonly beginsAnew: boolean;
}

async function knownTarget(
  from: Session,
  name: string,
  { systemIdentifier, databaseOid }: DatabaseIdentity,
): Promise<KnownTarget | undefined> {
  if (!(await schemaExists(from))) return undefined;
  const [row] = await from.query(
    `select (system_identifier = $2 and database_oid = $3)::text as is_itself,
            (resync_wished_at is not null)::text as begins_anew
     from replicator.subscriptions
     where target = $1 or system_identifier = $2 and database_oid = $3
     order by is_itself desc limit 1`,
    [name, systemIdentifier, databaseOid],
  );
  if (row === undefined) return undefined;
  return { isItself: row['is_itself'] === 'true', beginsAnew: row['begins_anew'] === 'true' };
}
