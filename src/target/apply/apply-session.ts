// The connection through which changes are written: as a replica, under the subscription's origin.
import type { DatabaseConfig } from '../../config/config.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { originFunctions } from '../../postgres/origin-functions.ts';
import { Session } from '../../postgres/session.ts';
import { sqlstateOf } from '../../postgres/sqlstate.ts';
import { type Claim, claimProgress } from '../progress/claim.ts';

const settings = {
  // What is answered is confirmed to the source, so it must be on disk by then. Transactions that say
  // otherwise for themselves are followed by one that does not.
  synchronous_commit: 'on',
  // The statements are few and come again and again with arrays of any length.
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
  // Rows are found by their key. A stale statistic must not turn that into a scan per batch.
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
};

export interface ApplySession {
  readonly session: Session;
  /** The function that stamps a transaction; on 13 a wrapper of ours stands for it. */
  readonly originXactSetup: string;
}

export interface ApplySessionOptions extends Claim {
  readonly lockTimeoutMs: number;
}

/** Ends the session that did so before: only one can hold an origin. */
export async function openApplySession(
  target: DatabaseConfig,
  { lockTimeoutMs, ...claim }: ApplySessionOptions,
): Promise<ApplySession> {
  const session = await Session.connect(target, {
    purpose: 'apply',
    name: `${claim.source}:${target.name}`,
    settings: { ...settings, lock_timeout: `${lockTimeoutMs}ms` },
    replyTimeoutMs: 15 * 60_000,
    askAfterMs: 15_000,
  });
  try {
    await becomeReplica(session);
    await claimProgress(session, claim);
    const prefix = await originFunctions(session);
    // Outside a transaction and once: the origin is attached to each WAL record as it is written.
    await session.query(
      `select ${prefix}session_setup(origin) from replicator.progress where source = $1`,
      [claim.source],
    );
    return { session, originXactSetup: `${prefix}xact_setup` };
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** Ordinary triggers, rules and foreign keys do not fire for a replica: the source's did already. */
export async function becomeReplica(session: Session): Promise<void> {
  const { role } = await session.one(`select current_setting('session_replication_role') as role`);
  // A superuser may have said ALTER ROLE … SET, the only way before 15 without being one.
  if (role === 'replica') return;
  try {
    await session.query('set session_replication_role = replica');
  } catch (error) {
    if (sqlstateOf(error) !== '42501') throw error;
    throw new ReplicatorError(
      'PRIVILEGE',
      `${session.database.name}: role ${session.database.user} may not set session_replication_role`,
      { sqlstate: '42501' },
    );
  }
}
