// What a walsender writes is read back exactly; what it would never write is refused, never a crash.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change } from '../../src/model/change.ts';
import { ReplicatorError } from '../../src/model/errors.ts';
import type { Relation } from '../../src/model/relation.ts';
import { Tuple, unchanged, type Value } from '../../src/model/tuple.ts';
import { type DecodedCalls, PgoutputDecoder } from '../../src/source/decode/pgoutput-decoder.ts';
import {
  encodeBegin,
  encodeCommit,
  encodeDelete,
  encodeInsert,
  encodeOrigin,
  encodeRelation,
  encodeTruncate,
  encodeUpdate,
} from '../support/pgoutput-encoder.ts';

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const lsn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const time = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
// PostgreSQL has neither NUL nor lone surrogates
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('\uFEFF', '\uFEFFx', '😀', '\u{10FFFF}', 'Ä'.repeat(9_000)),
  )
  .map((value) => value.replaceAll('\0', ''))
  .filter((value) => !/\p{Surrogate}/u.test(value));
const name = text.filter((value) => value !== '');
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.constant(null),
  fc.constant(unchanged),
);

const relation: fc.Arbitrary<Relation> = fc.record({
  oid: uint32,
  schema: name,
  name,
  replicaIdentity: fc.constantFrom('default', 'nothing', 'full', 'index'),
  columns: fc.array(
    fc.record({
      name,
      typeOid: uint32,
      typeModifier: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      identity: fc.boolean(),
    }),
    { maxLength: 20 },
  ),
});

function tupleOf({ columns }: Relation): fc.Arbitrary<Value[]> {
  return fc.array(value, { minLength: columns.length, maxLength: columns.length });
}

const relationAndRows = relation.chain((r) => fc.tuple(fc.constant(r), tupleOf(r), tupleOf(r)));

class Recorder implements DecodedCalls {
  readonly calls: unknown[] = [];
  readonly #relations: readonly Relation[];
  constructor(...relations: Relation[]) {
    this.#relations = relations;
  }
  begin(...args: unknown[]): void {
    this.calls.push(['begin', ...args]);
  }
  origin(...args: unknown[]): void {
    this.calls.push(['origin', ...args]);
  }
  relation(...args: unknown[]): void {
    this.calls.push(['relation', ...args]);
  }
  wants(oid: number): Relation | undefined {
    return this.#relations.find((each) => each.oid === oid);
  }
  change(change: Change): void {
    this.calls.push(['change', change]);
  }
  truncate(change: Change): void {
    this.calls.push(['change', change]);
  }
  refuse(...args: unknown[]): void {
    this.calls.push(['refuse', ...args]);
  }
  commit(...args: unknown[]): void {
    this.calls.push(['commit', ...args]);
  }
}

function decode(message: Buffer, ...relations: Relation[]): unknown {
  const recorder = new Recorder(...relations);
  new PgoutputDecoder(recorder).decode(message);
  expect(recorder.calls).toHaveLength(1);
  return recorder.calls[0];
}

test('relations', () => {
  fc.assert(
    fc.property(relation, (r) => {
      expect(decode(encodeRelation(r))).toEqual(['relation', r]);
    }),
  );
});

test('rows', () => {
  fc.assert(
    fc.property(relationAndRows, fc.boolean(), fc.constantFrom('K', 'O'), ([r, a, b], both, k) => {
      const old = both ? a : undefined;
      const kinds: [Buffer, Change][] = [
        [encodeInsert(r.oid, b), { kind: 'insert', relation: r, new: Tuple.of(b) }],
        [
          encodeUpdate(r.oid, old, b, k),
          {
            kind: 'update',
            relation: r,
            old: old && Tuple.of(old),
            new: Tuple.of(b),
          },
        ],
        [encodeDelete(r.oid, a, k), { kind: 'delete', relation: r, old: Tuple.of(a) }],
      ];
      for (const [message, change] of kinds) expect(decode(message, r)).toEqual(['change', change]);
    }),
  );
});

test('the frame of a transaction', () => {
  const head = fc.record({ xid: uint32, commitTime: time, commitLsn: lsn });
  fc.assert(
    fc.property(head, lsn, name, (transaction, endLsn, origin) => {
      expect(decode(encodeBegin(transaction))).toEqual(['begin', transaction]);
      expect(decode(encodeCommit(transaction.commitLsn, endLsn))).toEqual(['commit', endLsn]);
      expect(decode(encodeOrigin(origin))).toEqual(['origin', origin]);
    }),
  );
});

test('truncates', () => {
  const relations = fc.uniqueArray(relation, {
    minLength: 1,
    maxLength: 5,
    selector: (r) => r.oid,
  });
  const options = fc.record({ cascade: fc.boolean(), restartIdentity: fc.boolean() });
  fc.assert(
    fc.property(relations, options, (all, how) => {
      const message = encodeTruncate(
        all.map(({ oid }) => oid),
        how,
      );
      const change = { kind: 'truncate', relations: all, ...how };
      expect(decode(message, ...all)).toEqual(['change', change]);
    }),
  );
});

test('a message that is cut off anywhere is refused', () => {
  const messages = relationAndRows.map(([r, a, b]) => ({
    r,
    message: [encodeRelation(r), encodeInsert(r.oid, b), encodeUpdate(r.oid, a, b)],
  }));
  fc.assert(
    fc.property(messages, fc.nat(2), fc.double({ min: 0, max: 1, noNaN: true }), (m, which, at) => {
      const whole = m.message[which] ?? Buffer.alloc(0);
      const cut = whole.subarray(0, Math.floor(at * (whole.length - 1)));
      expect(() => decode(cut, m.r)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    }),
  );
});

test('garbage is decoded or refused, and nothing else', () => {
  const tag = fc.constantFrom(...'BCORTIUDYM', '?');
  fc.assert(
    fc.property(relation, tag, fc.uint8Array({ maxLength: 200 }), (r, letter, bytes) => {
      const body = Buffer.from(bytes);
      // half of the time a change of a relation that is known
      if (body.length >= 4 && (body[3] ?? 0) % 2 === 0) body.writeUInt32BE(r.oid);
      try {
        new PgoutputDecoder(new Recorder(r)).decode(Buffer.concat([Buffer.from(letter), body]));
      } catch (error) {
        expect(error).toBeInstanceOf(ReplicatorError);
        expect((error as ReplicatorError).code).toMatch(/^(PROTOCOL|VALUE_TOO_LARGE)$/);
      }
    }),
    { numRuns: 2_000 },
  );
});
