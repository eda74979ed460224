// What the databases hold in the end, and who they think wrote it.
import type { Master } from './master.ts';
import type { WorkloadTable } from './workloads/workload.ts';

export interface FoundRow {
  readonly key: string;
  /** Of the operation that wrote it. */
  readonly op: number;
  /** Of all columns, as text. */
  readonly hash: string;
  /** The database that wrote it, as this one knows; undefined when it does not any more. */
  readonly writer: string | undefined;
  /** Microseconds since 1970 of the transaction that wrote it here, which a replicated row has from
   * its source, unless a batch of several transactions gave it that of the newest. */
  readonly stamp: bigint | undefined;
}

export async function readRows(master: Master, table: WorkloadTable): Promise<FoundRow[]> {
  const rows = await master.query(
    `select t.${table.key}::text as key, t.op::text, md5(t::text) as hash,
            ${writer(master)} as writer,
            (extract(epoch from pg_xact_commit_timestamp(t.xmin)) * 1000000)::bigint as stamp
     from public.${table.name} t ${writerJoin(master)}`,
  );
  return rows.map(({ key, op, hash, writer, stamp }) => ({
    key: key ?? '',
    op: Number(op),
    hash: hash ?? '',
    writer: writer ?? undefined,
    stamp: stamp == null ? undefined : BigInt(stamp),
  }));
}

// Since 14 the server remembers the origin of a transaction; 0 is what was written right here.
const writer = ({ server, name }: Master): string =>
  server.major < 14
    ? 'null'
    : `case c.roident when 0 then '${name}' else
         (select p.source from pg_replication_origin o
          join replicator.progress p on p.origin = o.roname where o.roident = c.roident) end`;
const writerJoin = ({ server }: Master): string =>
  server.major < 14 ? '' : 'cross join lateral pg_xact_commit_timestamp_origin(t.xmin) c';

/** The same for equal contents, whatever the order. */
export async function digest(master: Master, table: string): Promise<string> {
  const [row] = await master.query(
    `select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as digest
     from public.${table} t`,
  );
  return row?.['digest'] ?? '';
}
