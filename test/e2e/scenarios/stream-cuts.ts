// The stream from the source breaks behind and inside each message of a transaction: begin, rows and
// COMMIT. Nothing of it may count before its end, and nothing may come twice.
import { expect } from 'vitest';
import type { ProxyConnection } from '../../support/proxy-connection.ts';
import { messageEnds } from '../../support/wire-messages.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';

export async function cutStreamAtEachMessage(scenario: Scenario): Promise<void> {
  let messages = 0;
  while (await cutAt(messages, scenario)) messages++;
  // BEGIN, four changes and COMMIT: of which tables they are was sent before.
  expect(messages).toBe(6);
}

/** False when a transaction has fewer messages. A daemon for each: it hesitates more every time. */
async function cutAt(message: number, scenario: Scenario): Promise<boolean> {
  await using world = await createOneWay(scenario);
  await world.start();
  await world.source.database.query(
    `insert into t select i, 'as it was' from generate_series(1, 99) i`,
  );
  await world.settle();
  for (const [i, place] of within.entries()) {
    const wasCut = cutNextTransaction(world, message, place);
    await world.source.database.query(`
      begin;
      update t set v = 'update ${i}' where id = 2;
      insert into t values (${100 + i}, repeat('${i}', 300));
      delete from t where id = ${99 + i};
      insert into log values ('transaction ${i}');
      commit`);
    await world.settle();
    if (!wasCut()) return false;
  }
  return true;
}

/** The byte of a message at which to cut: inside its head, one before its end, behind it. */
type Place = (start: number, end: number) => number;
const within: Place[] = [(start) => start + 3, (_, end) => end - 1, (_, end) => end];

/** Returns whether it was cut. The walsender may write a message by itself, or several at once. */
function cutNextTransaction(world: OneWay, message: number, place: Place): () => boolean {
  const { proxy } = world.source;
  let transaction: ProxyConnection | 'over' | undefined;
  let index = 0;
  let isCut = false;
  proxy.onServerData = (chunk, connection) => {
    let start = 0;
    for (const end of messageEnds(chunk)) {
      const kind = kindOf(chunk, start);
      if (kind === 'B') transaction ??= connection;
      if (transaction === connection) {
        if (index === message) {
          isCut = true;
          transaction = 'over';
          return place(start, end);
        }
        // Up to PostgreSQL 14 a transaction of which nothing is published is sent without a change.
        const isEmpty = index === 1;
        if (kind === 'C') transaction = isEmpty ? undefined : 'over';
        index = kind === 'C' ? 0 : index + 1;
      }
      start = end;
    }
    return undefined;
  };
  return () => {
    proxy.onServerData = undefined;
    return isCut;
  };
}

/** Of a message of the stream: the letter in CopyData, behind XLogData's head of 25 bytes. */
function kindOf(chunk: Buffer, start: number): string | undefined {
  const isXLogData = chunk[start] === 0x64 && chunk[start + 5] === 0x77;
  return isXLogData ? chunk.toString('latin1', start + 30, start + 31) : undefined;
}
