// One target's trouble stays its own: what the reader does for it must not cost the others.
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TransactionPart } from '../../../src/model/transaction.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
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

  receive(part: TransactionPart): void {
    this.parts.push(part);
    if (part.endLsn !== undefined) this.interruptedBeforeEnd ??= this.interruptions;
    this.onPart();
  }

  passed(): void {}

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

function read(...subscribers: Target[]): void {
  reader = new SourceReader({
    database: databaseConfig(database, { name: 'a' }),
    slot: 'replicator_a',
    members: () => subscribers,
    partBytes: 64 * 1024,
    partChanges: 100,
    onStreaming: () => {},
    log: pino({ enabled: false }),
  });
  reading = (async () => {
    while (!stop.signal.aborted) await reader.run(stop.signal, 1n);
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

// As one does that decodes a large transaction of which nothing is published.
test('a walsender that is silent because it is busy is waited for', async () => {
  const target = new Target('b');
  read(target);
  const walsender = async () => {
    const [row] = await database.query(`select active_pid from pg_replication_slots
      where slot_name = 'replicator_a' and active_pid is not null`);
    if (row === undefined) throw new Error('nobody reads the slot');
    return Number(row['active_pid']);
  };
  const pid = await eventually(walsender, { what: 'a walsender' });
  process.kill(pid, 'SIGSTOP');
  try {
    await sleep(42_000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await database.query(`insert into t values (1, 'v')`);
  await eventually(() => target.parts.length > 0);
  expect(await walsender()).toBe(pid);
}, 80_000);
