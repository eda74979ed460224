// What a test or a run of replicator has left on a server.
import { eventually } from './eventually.ts';
import type { PostgresServer } from './postgres-server.ts';

const selectLeftovers = `
  select 'slot' as kind, slot_name::text as name, database::text as detail
    from pg_replication_slots
  union all
  select 'origin', roname, '' from pg_replication_origin where roname like 'replicator\\_%'
  union all
  select 'connection', application_name, coalesce(datname, '') || ': ' || coalesce(state, '')
    from pg_stat_activity where application_name like 'replicator%'
  order by 1, 2`;

/**
 * What is still there after that time of slots, origins and connections of replicator, each as `kind name detail`:
 * backends need a moment to notice that their client has gone.
 */
export async function findLeftovers(server: PostgresServer, timeoutMs = 5_000): Promise<string[]> {
  let left: string[] = [];
  const nothingLeft = async () => {
    const rows = await server.query('postgres', selectLeftovers);
    left = rows.map(({ kind, name, detail }) => `${kind} ${name} ${detail}`.trim());
    return left.length === 0;
  };
  try {
    await eventually(nothingLeft, { timeoutMs, intervalMs: 10 });
  } catch (error) {
    if (left.length === 0) throw error;
  }
  return left;
}

/** What is found is reported and then removed: a leak fails the test that leaks, not the ones after it. */
export async function assertNothingLeft(server: PostgresServer, timeoutMs?: number): Promise<void> {
  const left = await findLeftovers(server, timeoutMs);
  if (left.length === 0) return;
  await removeLeftovers(server);
  throw new Error(`left on PostgreSQL ${server.major}: ${left.join('; ')}`);
}

/** The same for several; all of them are looked at and cleaned, whatever is found on the first. */
export async function assertNothingLeftOn(servers: Iterable<PostgresServer>): Promise<void> {
  const checks = [...new Set(servers)].map((server) => assertNothingLeft(server));
  const failed = (await Promise.allSettled(checks)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

export async function removeLeftovers(server: PostgresServer): Promise<void> {
  await server.query(
    'postgres',
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'replicator%'`,
  );
  await dropSlots(server);
  // an origin is in use until the backend that has set it up is gone
  await eventually(
    () =>
      server.query(
        'postgres',
        `select pg_replication_origin_drop(roname) from pg_replication_origin
          where roname like 'replicator\\_%'`,
      ),
    { what: 'the end of our replication origins' },
  );
}

/** The slots of one database, or of all. */
export async function dropSlots(server: PostgresServer, database?: string): Promise<void> {
  await eventually(
    async () => {
      const slots = await server.query(
        'postgres',
        'select slot_name, active_pid from pg_replication_slots where database = $1 or $1 is null',
        [database ?? null],
      );
      for (const { slot_name, active_pid } of slots) {
        await server.query(
          'postgres',
          active_pid === null
            ? 'select pg_drop_replication_slot($1)'
            : 'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
          [slot_name],
        );
      }
      return slots.length === 0;
    },
    { what: `the end of the slots of ${database ?? 'all databases'}` },
  );
}
