// The next batch, while the one before is on its way: encoded, and where that is likely to be right, sent behind it.
import type { Batch } from '../../model/batch.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { atOnce } from './apply-batch.ts';
import type { ApplyConnection, CommitAnswer } from './apply-connection.ts';
import { isSameBatch, type PreparedBatch, prepareBatch } from './prepare-batch.ts';
import type { TargetTables } from './target-tables.ts';
import type { Writer } from './writer.ts';

export interface BatchAheadOptions {
  readonly connection: ApplyConnection;
  readonly tables: TargetTables;
  readonly writer: Writer;
  /** What begins its transaction; `from`: where progress stands by then. */
  readonly headOf: (prepared: PreparedBatch, from: Lsn) => Statement[];
}

export interface Ahead {
  readonly prepared: PreparedBatch;
  readonly head: readonly Statement[];
  /** The answer, if it is on its way already. */
  readonly sent?: Promise<CommitAnswer>;
}

export class BatchAhead {
  readonly #options: BatchAheadOptions;
  #ahead: Ahead | undefined;

  constructor(options: BatchAheadOptions) {
    this.#options = options;
  }

  /** Its turn has come. Undefined when another one is ahead, or none. */
  take(batch: Batch): Ahead | undefined {
    const ahead = this.#ahead;
    if (ahead === undefined || !isSameBatch(ahead.prepared.batch, batch)) return undefined;
    this.#ahead = undefined;
    return ahead;
  }

  /** Behind the end of `current`, and `sends` it. Whatever is wrong with it is said when its turn has come. */
  prepare(batch: Batch, current: Batch, sends: boolean): void {
    const { tables, writer, headOf } = this.#options;
    const loaded = tables.known(batch.transactions);
    if (loaded === undefined) return;
    try {
      const prepared = prepareBatch(batch, loaded, writer);
      this.#ahead = this.#send(prepared, headOf(prepared, current.endLsn), sends);
    } catch {}
  }

  #send(prepared: PreparedBatch, head: readonly Statement[], sends: boolean): Ahead {
    const { connection } = this.#options;
    const { plan } = prepared;
    if (plan === undefined || !sends) return { prepared, head };
    const all = atOnce(prepared, plan, connection, head);
    return { prepared, head, sent: connection.sendBehind(all) };
  }

  /** What was sent has failed with the one before. */
  hasFailed(): void {
    if (this.#ahead === undefined) return;
    const { prepared, head } = this.#ahead;
    this.#ahead = { prepared, head };
  }

  /** Nothing is on its way afterwards: it is done or undone. */
  async settle(): Promise<void> {
    const { connection } = this.#options;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    await connection.untilAlone();
    const answer = await ahead?.sent?.catch(() => undefined);
    if (ahead === undefined || answer === undefined) return;
    connection.committed(answer, ahead.prepared.batch.endLsn);
  }
}
