// What begins and ends every transaction on a target: its progress, its origin's stamp, and where
// several databases write, the order among all who apply there.
import { ReplicatorError } from '../../model/errors.ts';
import { formatLsn, type Lsn } from '../../model/lsn.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { advanceStatement, type ChangeCounts, type Progress } from '../progress/progress.ts';

export interface FrameOptions {
  readonly source: string;
  readonly target: string;
  /** The function that stamps a transaction; on 13 a wrapper of ours stands for it. */
  readonly originXactSetup: string;
}

/** Where a transaction leads: the end of the source's last one in it, and the newest commit time. */
export interface Destination {
  readonly endLsn: Lsn;
  readonly commitTime: bigint;
}

export const begin: Statement = { text: 'begin', name: 'begin' };
export const commit: Statement = { text: 'commit', name: 'commit' };

/** The transactions of a database's own stream can be in it before others see what they wrote. */
export function awaitVisible(parts: readonly TransactionPart[]): Statement {
  return {
    name: 'await_visible',
    text: 'select replicator.await_visible($1)',
    values: [`{${xidsOf(parts).join(',')}}`],
  };
}

export function xidsOf(parts: readonly TransactionPart[]): number[] {
  return parts.map(({ transaction }) => transaction.xid);
}

const nothing: ChangeCounts = { inserts: 0, updates: 0, deletes: 0, truncates: 0 };

export const contend: Statement = {
  name: 'contend',
  text: 'select replicator.contend()',
};

export class TransactionFrame {
  readonly #options: FrameOptions;
  #progress: Progress;
  #durableLsn: Lsn;

  /** `progress`: as a transaction has read it that waited for the disk. */
  constructor(options: FrameOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
    this.#durableLsn = progress.lsn;
  }

  /** What is committed, whether or not it is on disk. */
  get progress(): Lsn {
    return this.#progress.lsn;
  }

  /** What of it is on disk, also at synchronous standbys. */
  get durableLsn(): Lsn {
    return this.#durableLsn;
  }

  /** `from`: where the one before it leads, which may be on its way yet: without that this one fails. */
  advance({ endLsn, commitTime }: Destination, counts: ChangeCounts, from: Lsn): Statement {
    const progress = { ...this.#progress, lsn: from };
    return this.#advance(progress, endLsn, commitTime, counts);
  }

  /** To a position that was passed without any change. */
  pass(endLsn: Lsn, seenTime: bigint | undefined): Statement {
    return this.#advance(this.#progress, endLsn, undefined, nothing, seenTime);
  }

  /** Locks the progress row, which keeps a second replicator out, and leaves it as it is. */
  touch(): Statement {
    return this.#advance(this.#progress, this.#progress.lsn, undefined, nothing);
  }

  /**
   * In every transaction: PostgreSQL keeps the last one's for a session that does not say anew. Others see
   * the transaction before it is on disk, and whoever waits for a lock of it goes on; `flush` follows soon.
   */
  stamp({ endLsn, commitTime }: Destination): Statement {
    return {
      name: 'stamp',
      text: `select ${this.#options.originXactSetup}($1, $2),
        pg_catalog.set_config('synchronous_commit', 'off', true)`,
      values: [endLsn, commitTime],
    };
  }

  /**
   * Behind COMMITs that did not wait for the disk: a transaction of one statement whose own end does wait, also
   * for synchronous standbys, and all WAL is flushed up to there. That takes an xid and a record of its own
   * (RecordTransactionCommit in xact.c); nobody who decodes WAL is shown that of a lock.
   */
  get flush(): Statement {
    return {
      name: 'flush',
      text: 'select from replicator.progress where source = $1 for update',
      values: [this.#options.source],
    };
  }

  /**
   * A missing row has no lock to wait for, so where several databases write, all who apply here do so
   * one after the other. Each a statement of its own: the next one's snapshot is taken after it.
   */
  contend(commitTime: bigint): Statement[] {
    return [
      {
        name: 'await_clock',
        text: 'select replicator.await_clock($1)',
        values: [commitTime],
      },
      contend,
    ];
  }

  /** Throws FENCED for what is applied: the swap on the server proves that nobody else moved it. */
  refuseApplied(endLsn: Lsn): void {
    if (endLsn > this.#progress.lsn) return;
    const { source, target } = this.#options;
    throw new ReplicatorError(
      'FENCED',
      `${source}:${target}: changes up to ${formatLsn(endLsn)} are applied already`,
    );
  }

  /** COMMIT of a failed transaction succeeds as ROLLBACK; only the tag tells. */
  committed(result: GroupResult | undefined, lsn: Lsn): void {
    if (result?.command !== 'COMMIT')
      throw new ReplicatorError('INTERNAL', `COMMIT ended as ${result?.command}`);
    this.#progress = { ...this.#progress, lsn };
  }

  /** All that is committed. */
  flushed(): void {
    this.#durableLsn = this.#progress.lsn;
  }

  #advance(
    progress: Progress,
    next: Lsn,
    commitTime: bigint | undefined,
    counts: ChangeCounts,
    seenTime?: bigint,
  ): Statement {
    const { source } = this.#options;
    return advanceStatement({
      source,
      progress,
      next,
      commitTime,
      seenTime,
      counts,
    });
  }
}
