// The standby status update that tells a walsender how far we are:
// https://www.postgresql.org/docs/current/protocol-replication.html (Standby status update)
import { commitTimeOf } from '../../model/commit-time.ts';
import type { Lsn } from '../../model/lsn.ts';

export interface StandbyStatus {
  /** Received; shows as write_lsn. */
  readonly receivedLsn: Lsn;
  /** Durable on every target: this confirms the slot, so it must never be a byte too far. */
  readonly flushedLsn: Lsn;
  /** Nothing before it waits to be applied on any target; shows as replay_lsn. */
  readonly appliedLsn: Lsn;
}

/**
 * 34 bytes. Positions go out as they are: they name the next byte already. One more than the end
 * of a commit would confirm the first byte of a commit record that follows it directly, and the
 * server would then never send that transaction.
 */
export function encodeStandbyStatus(status: StandbyStatus, replyRequested = false): Buffer {
  const message = Buffer.alloc(34);
  message.write('r', 0, 'latin1');
  message.writeBigUInt64BE(status.receivedLsn, 1);
  message.writeBigUInt64BE(status.flushedLsn, 9);
  message.writeBigUInt64BE(status.appliedLsn, 17);
  message.writeBigInt64BE(commitTimeOf(Date.now()), 25);
  message.writeUInt8(replyRequested ? 1 : 0, 33);
  return message;
}
