// What really happened: which operations committed, when, and so which write of each key is the
// newest. The markers tell, also of those whose outcome no client knows.
import { type Effect, masterOf, type Operation } from './history.ts';
import type { World } from './world.ts';

/** What decides between writes: the later commit, and for a tie the database that comes later. */
export interface Version {
  /** Microseconds since 1970, by the clock of its database. */
  readonly time: bigint;
  readonly master: number;
}

export interface Committed extends Operation {
  readonly version: Version;
}

export interface LastWrite {
  readonly operation: Committed;
  readonly effect: Effect;
}

export interface Facts {
  readonly committed: ReadonlyMap<number, Committed>;
  /** Acknowledged to a client, but not on the server that acknowledged it, or the other way round. */
  readonly contradictions: readonly string[];
  /** By table and key, all committed ones from the oldest on. */
  readonly writes: ReadonlyMap<string, ReadonlyMap<string, readonly LastWrite[]>>;
}

export async function gatherFacts(world: World): Promise<Facts> {
  const times = new Map<number, bigint>();
  for (const master of world.masters) {
    const markers = await master.query(
      `select op::text, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint as time
       from torture.marker`,
    );
    for (const { op, time } of markers) times.set(Number(op), BigInt(time ?? 0));
  }
  const committed = new Map<number, Committed>();
  const contradictions: string[] = [];
  for (const operation of world.history.operations) {
    const time = times.get(operation.id);
    const { id, outcome, client } = operation;
    if (time === undefined && outcome === 'ok')
      contradictions.push(`operation ${id} of ${client} was acknowledged and is gone`);
    if (time !== undefined && outcome === 'fail')
      contradictions.push(`operation ${id} of ${client} failed and is there`);
    if (time !== undefined)
      committed.set(id, { ...operation, version: { time, master: masterOf(id) } });
  }
  return { committed, contradictions, writes: orderWrites(committed.values()) };
}

function orderWrites(committed: Iterable<Committed>): Facts['writes'] {
  const tables = new Map<string, Map<string, LastWrite[]>>();
  for (const operation of [...committed].sort(byVersion))
    for (const effect of operation.effects) {
      const keys = tables.get(effect.table) ?? new Map<string, LastWrite[]>();
      tables.set(effect.table, keys);
      const writes = keys.get(effect.key) ?? [];
      keys.set(effect.key, writes);
      writes.push({ operation, effect });
    }
  return tables;
}

function byVersion({ version: a }: Committed, { version: b }: Committed): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.master - b.master;
}
