// Writes pgoutput messages as a walsender does (protocol version 1), for tests that feed a decoder:
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
import type { Relation, ReplicaIdentity } from '../../src/model/relation.ts';
import type { TransactionHead } from '../../src/model/transaction.ts';
import { unchanged, type Value } from '../../src/model/tuple.ts';

const identityLetters: Readonly<Record<ReplicaIdentity, string>> = {
  default: 'd',
  nothing: 'n',
  full: 'f',
  index: 'i',
};

export function encodeBegin({ commitLsn, commitTime, xid }: TransactionHead): Buffer {
  return Buffer.concat([letter('B'), uint64(commitLsn), int64(commitTime), uint32(xid)]);
}

export function encodeCommit(commitLsn: bigint, endLsn: bigint, commitTime = 0n): Buffer {
  return Buffer.concat([
    letter('C'),
    byte(0),
    uint64(commitLsn),
    uint64(endLsn),
    int64(commitTime),
  ]);
}

export function encodeOrigin(name: string): Buffer {
  return Buffer.concat([letter('O'), uint64(0xaabbccn), cString(name)]);
}

export function encodeRelation(relation: Relation): Buffer {
  const { oid, schema, name, replicaIdentity, columns } = relation;
  return Buffer.concat([
    letter('R'),
    uint32(oid),
    cString(schema === 'pg_catalog' ? '' : schema),
    cString(name),
    letter(identityLetters[replicaIdentity]),
    int16(columns.length),
    ...columns.flatMap((column) => [
      byte(column.identity ? 1 : 0),
      cString(column.name),
      uint32(column.typeOid),
      int32(column.typeModifier),
    ]),
  ]);
}

export function encodeInsert(oid: number, row: readonly Value[]): Buffer {
  return Buffer.concat([letter('I'), uint32(oid), letter('N'), tuple(row)]);
}

/** `old` is sent as a key or, with REPLICA IDENTITY FULL, as a whole row. */
export function encodeUpdate(
  oid: number,
  old: readonly Value[] | undefined,
  row: readonly Value[],
  kind: 'K' | 'O' = 'K',
): Buffer {
  const before = old === undefined ? [] : [letter(kind), tuple(old)];
  return Buffer.concat([letter('U'), uint32(oid), ...before, letter('N'), tuple(row)]);
}

export function encodeDelete(oid: number, old: readonly Value[], kind: 'K' | 'O' = 'K'): Buffer {
  return Buffer.concat([letter('D'), uint32(oid), letter(kind), tuple(old)]);
}

export function encodeTruncate(
  oids: readonly number[],
  { cascade = false, restartIdentity = false } = {},
): Buffer {
  const options = (cascade ? 1 : 0) | (restartIdentity ? 2 : 0);
  return Buffer.concat([letter('T'), int32(oids.length), byte(options), ...oids.map(uint32)]);
}

export function encodeType(oid: number, schema: string, name: string): Buffer {
  return Buffer.concat([letter('Y'), uint32(oid), cString(schema), cString(name)]);
}

export function encodeLogicalMessage(prefix: string, content: Buffer): Buffer {
  const head = [letter('M'), byte(1), uint64(0n), cString(prefix)];
  return Buffer.concat([...head, int32(content.length), content]);
}

function tuple(values: readonly Value[]): Buffer {
  return Buffer.concat([
    int16(values.length),
    ...values.map((value) => {
      if (value === null) return letter('n');
      if (value === unchanged) return letter('u');
      const bytes = Buffer.from(value);
      return Buffer.concat([letter('t'), int32(bytes.length), bytes]);
    }),
  ]);
}

function letter(tag: string): Buffer {
  return Buffer.from(tag, 'latin1');
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function byte(value: number): Buffer {
  return Buffer.of(value);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
