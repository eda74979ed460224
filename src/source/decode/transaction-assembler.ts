// Decoded calls to transactions. A transaction that is larger than a part leaves in several, so
// that memory stays bounded whatever its size.
import type { Change, RowChange, TruncateChange } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lsn } from '../../model/lsn.ts';
import { type Relation, sameRelation } from '../../model/relation.ts';
import type { TransactionHead, TransactionPart } from '../../model/transaction.ts';
import { isMarker } from '../filter/marker.ts';
import type { DecodedCalls } from './pgoutput-decoder.ts';

export interface AssemblerOptions {
  /** A part holds no more, unless it is one change. */
  readonly partBytes: number;
  readonly partChanges: number;
  readonly wants: (relation: Relation) => boolean;
  /** Nothing behind it may be applied for those that would take this change of the relation. */
  readonly onRefused: (relation: Relation, commitLsn: Lsn, error: ReplicatorError) => void;
  readonly onPart: (part: TransactionPart) => void;
  /** A transaction ended of which nothing was wanted, or that was itself replicated. */
  readonly onPassed: (endLsn: Lsn) => void;
}

// What a change costs in memory beyond its bytes on the wire (V8 objects, rounded up). Without it a queue
// of narrow rows would hold several times its bound.
const changeOverheadBytes = 160;

interface KnownRelation {
  readonly relation: Relation;
  readonly marker: boolean;
  wanted: boolean;
}

export class TransactionAssembler implements DecodedCalls {
  readonly #options: AssemblerOptions;
  readonly #relations = new Map<number, KnownRelation>();
  #transaction: TransactionHead | undefined;
  #lastCommitTime = 0n;
  #replicated = false;
  #marked = false;
  #started = false;
  #changes: Change[] = [];
  #bytes = 0;

  constructor(options: AssemblerOptions) {
    this.#options = options;
  }

  /** Between BEGIN and COMMIT a position says nothing about what was handed on. */
  get insideTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Of the transaction that was begun last, of those that were first committed here. */
  get commitTime(): bigint {
    if (this.#transaction === undefined || this.#replicated) return this.#lastCommitTime;
    return this.#transaction.commitTime;
  }

  begin(transaction: TransactionHead): void {
    if (this.#transaction !== undefined) throw protocolError('BEGIN inside a transaction');
    this.#transaction = transaction;
    this.#replicated = false;
    this.#marked = false;
    this.#started = false;
  }

  // Only what was written here by users is sent on: a tagged transaction came from another source,
  // which serves every target itself. On 16 and newer the server filters already.
  origin(_name: string): void {
    this.#replicated = true;
  }

  relation(relation: Relation): void {
    const known = this.#relations.get(relation.oid);
    if (known !== undefined && sameRelation(known.relation, relation)) return;
    const marker = isMarker(relation);
    const wanted = !marker && this.#options.wants(relation);
    this.#relations.set(relation.oid, { relation, wanted, marker });
  }

  /** Somebody has come who may want what nobody wanted so far. Between two transactions only. */
  wantsMore(): void {
    for (const known of this.#relations.values())
      known.wanted = !known.marker && this.#options.wants(known.relation);
  }

  wants(relationOid: number): Relation | undefined {
    const known = this.#relations.get(relationOid);
    if (known === undefined) throw protocolError(`a change of unknown relation ${relationOid}`);
    if (known.marker && !this.#replicated) this.#marked = true;
    return known.wanted && !this.#replicated ? known.relation : undefined;
  }

  change(change: RowChange, bytes: number): void {
    this.#add(change, bytes + changeOverheadBytes);
  }

  truncate(change: TruncateChange): void {
    this.#add(change, changeOverheadBytes);
  }

  refuse(relation: Relation, error: ReplicatorError): void {
    if (this.#transaction === undefined) throw protocolError('a change outside a transaction');
    this.#options.onRefused(relation, this.#transaction.commitLsn, error);
  }

  commit(endLsn: Lsn): void {
    const wanted = this.#started || this.#changes.length > 0 || this.#marked;
    if (wanted) this.#emit(endLsn);
    this.#lastCommitTime = this.commitTime;
    this.#transaction = undefined;
    if (!wanted) this.#options.onPassed(endLsn);
  }

  #add(change: Change, bytes: number): void {
    if (this.#transaction === undefined) throw protocolError('a change outside a transaction');
    const { partBytes, partChanges } = this.#options;
    // Not before there is more: a transaction that fits goes as a whole.
    const isFull = this.#changes.length >= partChanges || this.#bytes + bytes > partBytes;
    if (isFull && this.#changes.length > 0) this.#emit(undefined);
    // Most transactions are small: an array that grows is given room for seventeen.
    if (this.#changes.length === 0) this.#changes = [change];
    else this.#changes.push(change);
    this.#bytes += bytes;
  }

  #emit(endLsn: Lsn | undefined): void {
    if (this.#transaction === undefined) throw protocolError('COMMIT outside a transaction');
    const part: TransactionPart = {
      transaction: this.#transaction,
      first: !this.#started,
      changes: this.#changes,
      bytes: this.#bytes,
      endLsn,
      marked: this.#marked,
    };
    this.#started = true;
    this.#changes = [];
    this.#bytes = 0;
    this.#options.onPart(part);
  }
}

function protocolError(what: string): ReplicatorError {
  return new ReplicatorError('PROTOCOL', `pgoutput sent ${what}`);
}
