// pgoutput protocol version 1, bytes to calls. Values stay as they are; an unknown tag throws.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
import type { RowChange, TruncateChange } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lsn } from '../../model/lsn.ts';
import { type Relation, type ReplicaIdentity, tableLabel } from '../../model/relation.ts';
import type { TransactionHead } from '../../model/transaction.ts';
import { Tuple, tags } from '../../model/tuple.ts';
import { TupleStore } from '../../model/tuple-store.ts';
import { WireReader } from './wire-reader.ts';

/** What a stream is made of, in order. */
export interface DecodedCalls {
  begin(transaction: TransactionHead): void;
  /** The transaction being received was itself replicated from elsewhere. */
  origin(name: string): void;
  relation(relation: Relation): void;
  /** Undefined when the change is not wanted: its tuples are then not even read. */
  wants(relationOid: number): Relation | undefined;
  /** `bytes` is the size of the change's message. */
  change(change: RowChange, bytes: number): void;
  truncate(change: TruncateChange): void;
  /** A change that cannot be replicated, for a reason that lies in this relation alone. */
  refuse(relation: Relation, error: ReplicatorError): void;
  commit(endLsn: Lsn): void;
}

/** A value above this many bytes on the wire is refused with its table and column. */
export const largestValueBytes = 100 * 1024 * 1024;

const identities: Readonly<Record<string, ReplicaIdentity>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

export class PgoutputDecoder {
  readonly #calls: DecodedCalls;
  readonly #store = new TupleStore();

  constructor(calls: DecodedCalls) {
    this.#calls = calls;
  }

  /** One message, from `start` to before `end`; nothing of `bytes` is kept. */
  decode(bytes: Buffer, start = 0, end = bytes.length): void {
    try {
      this.#decode(new WireReader(bytes, start, end), end - start);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ReplicatorError('PROTOCOL', `malformed pgoutput message: ${error.message}`);
    }
  }

  #decode(reader: WireReader, bytes: number): void {
    const calls = this.#calls;
    const tag = reader.letter();
    switch (tag) {
      case 'I':
      case 'U':
      case 'D': {
        const relation = calls.wants(reader.uint32());
        if (relation === undefined) return;
        try {
          calls.change(this.#rowChange(reader, tag, relation), bytes);
        } catch (error) {
          if (!(error instanceof ReplicatorError && error.code === 'VALUE_TOO_LARGE')) throw error;
          calls.refuse(relation, error);
        }
        return;
      }
      case 'B': {
        const commitLsn = reader.lsn();
        const commitTime = reader.int64();
        return calls.begin({ commitLsn, commitTime, xid: reader.uint32() });
      }
      case 'C': {
        reader.skip(1 + 8);
        return calls.commit(reader.lsn());
      }
      case 'O': {
        reader.skip(8);
        return calls.origin(reader.cString());
      }
      case 'R':
        return calls.relation(relationOf(reader));
      case 'T':
        return truncateOf(reader, calls);
      // Type names and logical messages carry nothing that we apply.
      case 'Y':
      case 'M':
        return;
      default:
        throw new ReplicatorError('PROTOCOL', `unknown pgoutput message ${JSON.stringify(tag)}`);
    }
  }

  #rowChange(reader: WireReader, tag: 'I' | 'U' | 'D', relation: Relation): RowChange {
    let part = reader.letter();
    let old: Tuple | undefined;
    if (part === 'K' || part === 'O') {
      old = this.#store.keep(tuple(reader, relation));
      if (tag === 'D') return { kind: 'delete', relation, old };
      part = reader.letter();
    }
    if (part !== 'N' || tag === 'D')
      throw new ReplicatorError('PROTOCOL', `unknown tuple ${JSON.stringify(part)} in ${tag}`);
    const row = this.#store.keep(tuple(reader, relation));
    return tag === 'I'
      ? { kind: 'insert', relation, new: row }
      : { kind: 'update', relation, old, new: row };
  }
}

function relationOf(reader: WireReader): Relation {
  const oid = reader.uint32();
  // pg_catalog is sent as an empty name.
  const schema = reader.cString() || 'pg_catalog';
  const name = reader.cString();
  const identity = reader.letter();
  const replicaIdentity = identities[identity];
  if (replicaIdentity === undefined)
    throw new ReplicatorError('PROTOCOL', `unknown replica identity ${JSON.stringify(identity)}`);
  const columns = Array.from({ length: reader.int16() }, () => ({
    identity: (reader.byte() & 1) === 1,
    name: reader.cString(),
    typeOid: reader.uint32(),
    typeModifier: reader.int32(),
  }));
  return { oid, schema, name, replicaIdentity, columns };
}

function truncateOf(reader: WireReader, calls: DecodedCalls): void {
  const count = reader.int32();
  const options = reader.byte();
  const relations: Relation[] = [];
  for (let i = 0; i < count; i++) {
    const relation = calls.wants(reader.uint32());
    if (relation !== undefined) relations.push(relation);
  }
  if (relations.length === 0) return;
  calls.truncate({
    kind: 'truncate',
    relations,
    cascade: (options & 1) !== 0,
    restartIdentity: (options & 2) !== 0,
  });
}

/** Points into the message. */
function tuple(reader: WireReader, relation: Relation): Tuple {
  const count = reader.int16();
  if (count !== relation.columns.length)
    throw new ReplicatorError(
      'PROTOCOL',
      `${tableLabel(relation)}: ${count} values for ${relation.columns.length} columns`,
    );
  const { bytes, offset: start } = reader;
  let partial = false;
  for (let i = 0; i < count; i += 1) {
    const tag = reader.byte();
    if (tag === tags.text) reader.skip(lengthOf(reader, relation, i));
    else if (tag === tags.unchanged) partial = true;
    else if (tag !== tags.null)
      throw new ReplicatorError('PROTOCOL', `unknown value format ${tag}`);
  }
  return new Tuple(bytes, start, reader.offset, count, partial);
}

function lengthOf(reader: WireReader, relation: Relation, column: number): number {
  const length = reader.int32();
  if (length <= largestValueBytes) return length;
  throw new ReplicatorError(
    'VALUE_TOO_LARGE',
    `${tableLabel(relation)}, column ${relation.columns[column]?.name}: a value of ` +
      `${Math.round(length / 1_048_576)} MB`,
  );
}
