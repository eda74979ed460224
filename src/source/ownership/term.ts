// The time during which a source is ours.
import { setMaxListeners } from 'node:events';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lineage } from '../../model/timeline.ts';
import { frozenAfterMs } from './lease-watch.ts';

export class Term {
  readonly epoch: bigint;
  readonly lineage: Lineage;
  /** When the renewal was sent that was answered last, by the monotonic clock. */
  renewedAt: number;
  readonly #end = new AbortController();

  constructor(epoch: bigint, lineage: Lineage, renewedAt: number) {
    this.epoch = epoch;
    this.lineage = lineage;
    this.renewedAt = renewedAt;
    // Each of any number of subscriptions listens to it.
    setMaxListeners(0, this.#end.signal);
  }

  /** Aborted as soon as it is known that another process has the source. */
  get lost(): AbortSignal {
    return this.#end.signal;
  }

  /** Others would still wait, so nobody else has the source. */
  get isFresh(): boolean {
    return !this.lost.aborted && performance.now() - this.renewedAt < frozenAfterMs;
  }

  /** What is recorded beside the positions of a target that are made in it. */
  get identity(): { epoch: bigint; owner: string | undefined; timeline: bigint } {
    const { timeline, owners } = this.lineage;
    return { epoch: this.epoch, owner: owners.get(this.epoch), timeline };
  }

  end(source: string): void {
    this.#end.abort(new ReplicatorError('FENCED', `${source}: another replicator owns it`));
  }
}

/** Says that an owner has written to a target that we know nothing of. */
export interface Outranking extends ReplicatorError {
  readonly target: string;
  readonly tables: readonly string[];
  readonly epoch: bigint;
  /** It did so before a promotion that lost nothing else. */
  readonly isAncestor: boolean;
}

/** The source is ours and knows nothing of what was written to its targets. */
export function rewound(source: string, { epoch, target, tables }: Outranking): ReplicatorError {
  return new ReplicatorError(
    'IDENTITY',
    `${source}: does not know owner ${epoch}, which has written to ${target}: it was restored or rewound`,
    { hint: `\`replicator resync ${source}:${target}\` for ${tables.join(', ')}` },
  );
}
