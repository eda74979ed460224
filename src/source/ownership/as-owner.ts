// What only the owner of a source may do there: a process that was frozen must not move anybody's place
// when it wakes up.
import { ReplicatorError } from '../../model/errors.ts';
import type { Session } from '../../postgres/session.ts';

/** A session on a source, and the epoch of the process that owns it. */
export interface OwnerSession {
  readonly session: Session;
  readonly epoch: bigint;
}

/** In a transaction in which nobody else can take the source. Throws FENCED when somebody has. */
export async function asOwner<T>(owner: OwnerSession, work: () => Promise<T>): Promise<T> {
  return await owner.session.transaction(async () => {
    await expectOwner(owner, 'for share');
    return await work();
  });
}

/**
 * Throws FENCED when another process has the source. Whoever takes it afterwards ends all readers of
 * its slots that are there by now.
 */
export async function expectOwner(
  { session, epoch }: OwnerSession,
  locking: 'for share' | '' = '',
): Promise<void> {
  const owned = await session.query(
    `select from replicator.lease where epoch = $1 and owner is not null ${locking}`,
    [String(epoch)],
  );
  if (owned.length === 0)
    throw new ReplicatorError(
      'FENCED',
      `${session.database.name}: another replicator has taken the source over`,
    );
}
