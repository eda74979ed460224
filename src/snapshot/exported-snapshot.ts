// A snapshot of a source that is exactly as of one WAL position. Only creating a slot gives that,
// so a temporary one is made; it goes with its connection.
import type pg from 'pg';
import { ReplicatorError } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/lsn.ts';
import { clientConfig, newerSettings } from '../postgres/client-config.ts';
import { connectError } from '../postgres/connect-error.ts';
import { endFormerReader } from '../postgres/end-former-reader.ts';
import { quoteIdentifier } from '../postgres/identifiers.ts';
import { newClient } from '../postgres/new-client.ts';
import type { Session } from '../postgres/session.ts';
import { fromPostgres } from '../postgres/sqlstate.ts';
import { describeBlocker, tellWhoHoldsUp } from '../postgres/who-holds-up.ts';

export interface ExportedSnapshot extends AsyncDisposable {
  /** For SET TRANSACTION SNAPSHOT, as long as this is not disposed of. */
  readonly name: string;
  /** Transactions whose commit record begins before it are in the snapshot, and no others. */
  readonly consistentLsn: Lsn;
}

/**
 * Waits for every transaction that is running on the source: only then is there such a point. Breaks off when the
 * source's session is lost.
 */
export async function exportSnapshot(
  source: Session,
  slot: string,
  onWait: (why: string) => void = () => {},
): Promise<ExportedSnapshot> {
  const { database, lost } = source;
  await endFormerReader(source, slot, 'copy');
  const config = await clientConfig(database, { purpose: 'copy', name: database.name });
  const client = newClient({ ...config, replication: 'database' } as pg.ClientConfig);
  await client.connect().catch((error) => {
    throw connectError(error, database);
  });
  lost.addEventListener('abort', () => client.end(), { once: true });
  try {
    lost.throwIfAborted();
    await client.query(newerSettings);
    const { processID } = client as unknown as { processID: number };
    const describe = (other: Session) => describeBlocker(other, processID);
    using _telling = tellWhoHoldsUp(database, describe, onWait);
    const result = await client.query(
      `CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`,
    );
    const row = result.rows[0] as { consistent_point: string; snapshot_name: string } | undefined;
    if (row === undefined)
      throw new ReplicatorError('PROTOCOL', `${database.name}: no snapshot was exported`);
    return {
      name: row.snapshot_name,
      consistentLsn: parseLsn(row.consistent_point),
      [Symbol.asyncDispose]: () => client.end(),
    };
  } catch (error) {
    await client.end().catch(() => {});
    throw fromPostgres(error, `${database.name} (copy)`);
  }
}
