// Where one target stands with its source, and how it moves between the stream of all and a slot of
// its own. At any crash the slots on the source say where it was; see docs/adr for the order.
import type { Handover } from './handover.ts';
import type { SlotCopy } from './slot-copies.ts';
import type { SourceReader } from './source-reader.ts';
import type { Subscriber } from './subscriber.ts';

/** Its own stream: a reader of its copy, until `stop`. */
export interface OwnStream {
  readonly reader: SourceReader;
  readonly stop: AbortController;
}

export type SeatState =
  /** It holds the slot of all and is served by its stream, or will be. */
  | { readonly kind: 'stream' }
  /** The copy holds its place. */
  | { readonly kind: 'own slot'; readonly own: OwnStream; readonly copy: SlotCopy }
  /** The same, while the stream of all is already kept for it. */
  | {
      readonly kind: 'joining';
      readonly own: OwnStream;
      readonly copy: SlotCopy;
      readonly handover: Handover;
    }
  /** It holds the slot of all again; the copy still does until it has all that this has let go. */
  | { readonly kind: 'joined'; readonly copy: SlotCopy }
  /** Its place is gone. */
  | { readonly kind: 'given up' };

export class Seat {
  readonly subscriber: Subscriber;
  state: SeatState = { kind: 'stream' };
  /** Since the source is ours, its database has told which of those it is that the source knows. */
  recognized = false;
  /** Not needed any more; to be removed. */
  spentCopy: SlotCopy | undefined;
  /** By performance.now(), as all times here; undefined while it is connected. */
  awaySince: number | undefined = performance.now();
  /** Its queue was over its bound and has not been below half of it since. */
  fullSince: number | undefined;
  /** Since when the stream serves others and not this one. */
  outsideSince: number | undefined;
  /** It is so far behind that it may not hold the slot of all. */
  mustLeave = false;
  /** Why it could not be detached, last. */
  trouble: string | undefined;
  /** No move is tried before: the last one failed. */
  restUntil = 0;
  wishedAt: string | undefined;
  /** A person wants the target to begin anew, since then; undefined: nobody does. */
  resyncAt: string | undefined;
  /** The last such wish that was fulfilled. */
  resyncedAt: string | undefined;

  constructor(subscriber: Subscriber) {
    this.subscriber = subscriber;
  }

  /** The source is ours: who holds its place is still to be looked at. */
  begin(): void {
    this.state = { kind: 'stream' };
    this.recognized = false;
    this.spentCopy = undefined;
    this.outsideSince = undefined;
    this.restUntil = 0;
    this.subscriber.leave();
    this.subscriber.placed('stream');
  }

  /** Whether it counts in what the slot of all may let go. */
  get holdsStream(): boolean {
    return this.state.kind === 'stream' || this.state.kind === 'joined';
  }

  get isDetached(): boolean {
    return this.state.kind === 'own slot' || this.state.kind === 'joining';
  }

  get copy(): SlotCopy | undefined {
    return 'copy' in this.state ? this.state.copy : undefined;
  }

  /** The copy holds its place, alone or until it has all that the slot of all has let go. */
  get hasCopy(): boolean {
    return this.isDetached || this.state.kind === 'joined';
  }

  observe(now: number): void {
    const { present, full } = this.subscriber;
    this.awaySince = present ? undefined : (this.awaySince ?? now);
    if (full) this.fullSince ??= now;
    else if (!this.subscriber.crowded) this.fullSince = undefined;
  }
}
