// What a source knows of each of its targets: enough to hand on transactions, to learn what is
// durable there, and to see who cannot follow. The arrow back is `flushedLsn`, announced by
// `Source.progressed()`.
import type { ReplicatorError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';
import type { TransactionPart } from '../model/transaction.ts';

/** Where a target's changes come from: the stream of all, or a slot of its own, a copy. */
export type Place = 'stream' | 'own slot';

export interface Subscriber {
  readonly name: string;
  /** The target's name in the file. */
  readonly target: string;
  /** Connected to its target. */
  readonly present: boolean;
  /** A person has asked for it to rest. */
  readonly paused: boolean;
  /** Resolves once the first attempt to attach has ended, either way. */
  readonly settled: Promise<void>;
  /**
   * 0: it takes no part in a stream (its target is away, or being copied), but still holds its
   * slot with its `flushedLsn`. Another number after every attach: a stream serves only those
   * attachments that it began with, since one that left and came back has missed something.
   */
  readonly attachment: number;
  /** Everything before it is durable on the target; undefined while that is not known. */
  readonly flushedLsn: Lsn | undefined;
  /** The same, also for those of its standbys that the file names: what its source may forget. */
  readonly securedLsn: Lsn | undefined;
  /** Nothing before it waits here to be applied. */
  readonly appliedLsn: Lsn | undefined;
  /** Its queue is over its bound: the source stops reading until it has room. */
  readonly full: boolean;
  /** Its queue is over half of its bound. */
  readonly crowded: boolean;
  /** It has nothing to apply. */
  readonly idle: boolean;
  /** Of its tables in the publication, by their oid; another one now means that changes are missing. */
  readonly memberships: ReadonlyMap<number, string>;
  wants(relation: RelationName): boolean;
  /** A change of the table, of a transaction whose commit record starts there; not one that it has by a copy. */
  takes(relation: RelationName, commitLsn: Lsn): boolean;
  /** Parts of one transaction come in order, with nothing of another in between. */
  receive(part: TransactionPart): void;
  /**
   * Nothing before `lsn` is left to come. `urgent`: store that as progress at once. `seenTime`: the
   * source's clock, in microseconds since 2000, when nothing of what is left to come was in its WAL.
   */
  passed(lsn: Lsn, urgent: boolean, seenTime?: bigint): void;
  /** The stream broke off: a transaction that is not complete will be sent again from its start. */
  interrupted(): void;
  /** It gives up what waits here and attaches anew, at its progress, once it can. */
  leave(): void;
  pause(): void;
  /** Ends a pause, and any wait for the next attempt. */
  resume(): void;
  /** It ends its session in order, or its wait for the next attempt, and connects anew. */
  reconnect(): void;
  /** It cannot go on from where the slot stands; others can. */
  refuse(error: ReplicatorError): void;
  /** From now on it is served from there. */
  placed(place: Place): void;
}
