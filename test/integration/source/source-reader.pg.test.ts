// One target's trouble stays its own: what the reader does for it must not cost the others.
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseLsn } from '../../../src/model/lsn.ts';
import type { TransactionPart } from '../../../src/model/transaction.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { Term } from '../../../src/source/ownership/term.ts';
import { SourceReader } from '../../../src/source/source-reader.ts';
import type { Subscriber } from '../../../src/source/subscriber.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { eventually } from '../../support/eventually.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

let database: TestDatabase;
let reader: SourceReader;
let reading: Promise<void>;
let stop: AbortController;
let term: Term;

beforeEach(async () => {
  const server = await sharedServer(newest);
  database = await createDatabase(server, 'source reader');
  await database.query(`${schemaStatements.join(';\n')};
    create table t (id int, v text);
    create publication replicator_a for table t, replicator.marker with (publish_via_partition_root = true);
    insert into replicator.installation (schema_version, database, system_identifier, database_oid)
    select 1, 'a', system_identifier::text, d.oid from pg_control_system(), pg_database d
    where datname = current_database()`);
  await database.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
  await database.query(`insert into replicator.slots (slot_name, state, publication_oid)
    select 'replicator_a', 'created', oid from pg_publication`);
  await database.query('update replicator.lease set epoch = 1, owner = gen_random_uuid()');
  term = new Term(1n, { owners: new Map(), timeline: 1n, leftAt: async () => undefined }, 0);
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await reading;
  await eventually(() => database.drop());
});

class Target implements Subscriber {
  readonly name: string;
  readonly target = 'b';
  readonly present = true;
  readonly paused = false;
  readonly settled = Promise.resolve();
  readonly crowded = false;
  readonly idle = true;
  attachment = 1;
  flushedLsn: bigint | undefined;
  appliedLsn: bigint | undefined;
  full = false;
  refused: unknown;
  parts: TransactionPart[] = [];
  seenTime: bigint | undefined;
  interruptions = 0;
  interruptedBeforeEnd: number | undefined;
  onPart: () => void = () => {};

  constructor(name: string) {
    this.name = name;
  }

  get securedLsn(): bigint | undefined {
    return this.flushedLsn;
  }

  readonly memberships = new Map<number, string>();

  wants(): boolean {
    return true;
  }

  takes(): boolean {
    return true;
  }

  receive(part: TransactionPart): void {
    this.parts.push(part);
    if (part.endLsn !== undefined) this.interruptedBeforeEnd ??= this.interruptions;
    this.onPart();
  }

  passed(_lsn: bigint, _urgent: boolean, seenTime?: bigint): void {
    if (seenTime !== undefined) this.seenTime = seenTime;
  }

  interrupted(): void {
    this.interruptions += 1;
  }

  reconnect(): void {}

  leave(): void {
    this.attachment = 0;
  }

  placed(): void {}

  pause(): void {}

  resume(): void {}

  refuse(error: unknown): void {
    this.attachment = 0;
    this.refused = error;
  }
}

function makeReader(...subscribers: Target[]): SourceReader {
  return new SourceReader({
    database: databaseConfig(database, { name: 'a' }),
    slot: 'replicator_a',
    members: () => subscribers,
    partBytes: 64 * 1024,
    partChanges: 100,
    onStreaming: () => {},
    log: pino({ enabled: false }),
  });
}

function read(...subscribers: Target[]): void {
  reader = makeReader(...subscribers);
  reading = (async () => {
    while (!stop.signal.aborted) await reader.run(stop.signal, term);
  })();
}

test('a target that attaches again and again lets the others see the end of a transaction', async () => {
  const steady = new Target('steady');
  const failing = new Target('failing');
  steady.onPart = () => {
    if (steady.parts.length % 10 !== 3) return;
    failing.attachment += 1;
    reader.restart();
  };
  await database.query(`insert into t select i, 'v' from generate_series(1, 10000) i`);
  read(steady, failing);
  await eventually(() => steady.parts.some(({ endLsn }) => endLsn !== undefined));
  expect(steady.interruptedBeforeEnd).toBe(0);
  expect(steady.parts.flatMap(({ changes }) => changes)).toHaveLength(10_000);
  // Then it is its turn.
  failing.parts = [];
  steady.onPart = () => {};
  await eventually(() => failing.parts.some(({ endLsn }) => endLsn !== undefined));
});

async function walsender(): Promise<number> {
  const [row] = await database.query(`select active_pid from pg_replication_slots
    where slot_name = 'replicator_a' and active_pid is not null`);
  if (row === undefined) throw new Error('nobody reads the slot');
  return Number(row['active_pid']);
}

/** As one is that decodes a large transaction of which nothing is published. */
async function keepBusy(ms: number): Promise<number> {
  const pid = await eventually(walsender, { what: 'a walsender' });
  process.kill(pid, 'SIGSTOP');
  try {
    await sleep(ms);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return pid;
}

test('a walsender that is silent because it is busy is waited for', async () => {
  const target = new Target('b');
  read(target);
  const pid = await keepBusy(42_000);
  await database.query(`insert into t values (1, 'v')`);
  await eventually(() => target.parts.length > 0);
  expect(await walsender()).toBe(pid);
}, 80_000);

// Asked for a reply after its silence, it answers before it reads on: with its clock, and with where it stands.
test('what comes late was not seen before, and what is idle is seen again and again', async () => {
  // A quarter of it is how often we look whether it is silent.
  await database.query(`alter database ${database.name} set wal_sender_timeout = '4s'`);
  const target = new Target('b');
  let seenBefore: bigint | undefined;
  target.onPart = () => {
    seenBefore = target.seenTime;
  };
  read(target);
  const busy = keepBusy(10_000);
  await sleep(1_000);
  await database.query(`insert into t values (1, 'v')`);
  await busy;
  await eventually(() => target.parts.length > 0);
  const committed = target.parts[0]?.transaction.commitTime ?? 0n;
  expect(seenBefore ?? 0n).toBeLessThan(committed);
  await eventually(() => (target.seenTime ?? 0n) > committed);
  const seenOnce = target.seenTime ?? 0n;
  await eventually(() => (target.seenTime ?? 0n) > seenOnce);
}, 60_000);

describe('a source that another process has taken', () => {
  const confirmed = async () => {
    const [row] = await database.query(
      `select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = 'replicator_a'`,
    );
    return row?.['lsn'];
  };

  /** Knows nothing of one that the new owner waits for. */
  async function withTheNewest(): Promise<Target> {
    const target = new Target('away');
    await database.query(`insert into t values (1, 'v')`);
    const [row] = await database.query('select pg_current_wal_flush_lsn()::text as lsn');
    target.flushedLsn = parseLsn(row?.['lsn'] ?? '');
    return target;
  }

  test('is not confirmed by a process that wakes up and opens its stream', async () => {
    const before = await confirmed();
    reader = makeReader(await withTheNewest());
    await database.query('update replicator.lease set epoch = 2, owner = gen_random_uuid()');
    const late = reader.run(AbortSignal.any([stop.signal, term.lost]), term);
    await expect(late).rejects.toMatchObject({ code: 'FENCED' });
    expect(await confirmed()).toBe(before);
  });

  test('is not confirmed once more when that is noticed', async () => {
    const target = new Target('away');
    reader = makeReader(target);
    reading = reader.run(AbortSignal.any([stop.signal, term.lost]), term);
    await eventually(() => reader.streaming);
    await sleep(100);
    const before = await confirmed();
    target.flushedLsn = (await withTheNewest()).flushedLsn;
    term.end('a');
    await reading;
    expect(await confirmed()).toBe(before);
  });
});
