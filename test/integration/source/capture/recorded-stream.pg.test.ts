// What a real server sent, cut at every byte and at random: always the transactions that the driver's
// own reading gives.

import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { Tuple } from '../../../../src/model/tuple.ts';
import { serverFacts } from '../../../../src/postgres/server-facts.ts';
import { Session } from '../../../../src/postgres/session.ts';
import { MessageSplitter } from '../../../../src/source/capture/message-splitter.ts';
import { ReplicationStream } from '../../../../src/source/capture/replication-stream.ts';
import { PgoutputDecoder } from '../../../../src/source/decode/pgoutput-decoder.ts';
import { TransactionAssembler } from '../../../../src/source/decode/transaction-assembler.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { eventually } from '../../../support/eventually.ts';
import { createProxy } from '../../../support/proxy.ts';
import { majors, sharedServer } from '../../../support/servers-for-tests.ts';

/** CopyBothResponse without columns, behind which the stream begins. */
const begin = Buffer.from('W\0\0\0\x07\0\0\0', 'latin1');

/** The bytes that the walsender writes up to a transaction that deletes. */
async function record(database: TestDatabase, slot: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const proxy = await createProxy(database.server.port);
  proxy.onServerData = (chunk) => {
    chunks.push(chunk);
    return undefined;
  };
  const config = databaseConfig(database);
  await using session = await Session.connect(config, { purpose: 'control', name: 'a' });
  let tags = '';
  const stream = await ReplicationStream.open(
    { ...config, port: proxy.port },
    {
      slot,
      publication: 'p',
      server: await serverFacts(session),
      onMessage: (bytes, start) => {
        tags += bytes.toString('latin1', start, start + 1);
      },
      onKeepalive: () => {},
    },
  );
  await eventually(() => tags.endsWith('DC') || stream.ended.aborted);
  stream.destroy();
  await proxy.close();
  const all = Buffer.concat(chunks);
  return all.subarray(all.indexOf(begin) + begin.length);
}

class Transactions {
  readonly #parts: unknown[] = [];
  readonly #assembler = new TransactionAssembler({
    partBytes: 100_000,
    partChanges: 7,
    wants: () => true,
    onPart: (part) => this.#parts.push(part),
    onRefused: (_relation, _lsn, error) => expect.fail(error.message),
    onPassed: (endLsn) => this.#parts.push(endLsn),
  });
  readonly #decoder = new PgoutputDecoder(this.#assembler);

  /** The content of a CopyData message. */
  add(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === 0x77) this.#decoder.decode(bytes, start + 25, end);
  }

  get text(): string {
    return JSON.stringify(this.#parts, (_, value) => {
      if (value instanceof Tuple)
        return value.values.map((each) => (each === null ? null : String(each)));
      return typeof value === 'bigint' ? String(value) : value;
    });
  }
}

/** As the driver reads: it gives an object for each message. */
async function readByDriver(bytes: Buffer): Promise<string> {
  const found = new Transactions();
  const socket = Object.assign(new PassThrough(), { setNoDelay() {}, connect() {} });
  const connection = new pg.Connection({ stream: () => socket }) as pg.Connection & {
    connect(port: number, host: string): void;
  };
  connection.on('copyData', ({ chunk }: { chunk: Buffer }) => found.add(chunk, 0, chunk.length));
  connection.connect(0, '');
  socket.end(bytes);
  await new Promise((resolve) => socket.on('end', resolve));
  return found.text;
}

/** One buffer for all that is read, as the socket has. */
function readInPieces(bytes: Buffer, cuts: readonly number[]): string {
  const found = new Transactions();
  const splitter = new MessageSplitter({
    copyData: (...message) => found.add(...message),
    other: (message) => expect.fail(`not of the stream: ${message}`),
  });
  const buffer = Buffer.alloc(bytes.length);
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    bytes.copy(buffer, 0, start, end);
    splitter.read(buffer.subarray(0, end - start));
    buffer.fill(0xff, 0, end - start);
    start = end;
  }
  return found.text;
}

test.each(majors)(
  'PostgreSQL %i',
  async (major) => {
    const database = await createDatabase(await sharedServer(major), 'recorded stream');
    await database.query(`
    create table t (id int primary key, v text, large text);
    create table "né" (id int, v text);
    alter table t alter large set storage external;
    alter table "né" replica identity full;
    create publication p for table t, "né"`);
    const slots = ['small', 'large'].map((slot) => `recorded_${slot}_${major}`);
    for (const slot of slots)
      await database.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    await database.query(`
    insert into t select i, 'größe 😀 ' || i, null from generate_series(1, 9) i;
    insert into t values (10, '', repeat('0123456789', 250));
    insert into "né" values (1, 'a'), (1, null);
    update t set v = 'u' where id = 10;
    update t set id = 11 where id = 1;
    update "né" set v = e'\\uFEFF'`);
    await database.query('truncate "né"');
    await database.query('delete from t where id = 2');
    const [smallSlot = '', largeSlot = ''] = slots;
    const small = await record(database, smallSlot);
    await database.query(`select pg_drop_replication_slot('${smallSlot}')`);
    const expected = await readByDriver(small);
    expect(expected.match(/"kind":"(insert|update|delete|truncate)"/g)).toHaveLength(18);
    expect(readInPieces(small, [])).toBe(expected);
    for (let cut = 0; cut < small.length; cut++)
      if (readInPieces(small, [cut]) !== expected) expect.fail(`cut at ${cut} of ${small.length}`);
    expect(readInPieces(small, [...small.keys()])).toBe(expected);

    await database.query(
      `select pg_replication_slot_advance('${largeSlot}', pg_current_wal_lsn())`,
    );
    await database.query(`insert into t select 100 + i, i, repeat('ä', i * 3000)
    from generate_series(1, 60) i`);
    await database.query('delete from t where id = 3');
    const large = await record(database, largeSlot);
    await database.query(`select pg_drop_replication_slot('${largeSlot}')`);
    const expectedLarge = await readByDriver(large);
    const cuts = fc.array(fc.integer({ min: 0, max: large.length }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (at) => {
        const sorted = at.sort((a, b) => a - b);
        if (readInPieces(large, sorted) !== expectedLarge) expect.fail(`cut at ${sorted}`);
      }),
      { numRuns: 50 },
    );
    await database.drop();
  },
  120_000,
);
