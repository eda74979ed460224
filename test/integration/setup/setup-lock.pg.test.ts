// Setups of the same databases come one after the other, and nobody is kept from others meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { whileSetupLocked } from '../../../src/setup/setup-lock.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { oldest, sharedServer } from '../../support/servers-for-tests.ts';

let x: TestDatabase;
let y: TestDatabase;
let open: Session[] = [];

beforeAll(async () => {
  const server = await sharedServer(oldest);
  [x, y] = [await createDatabase(server, 'lock x'), await createDatabase(server, 'lock y')];
});

afterAll(async () => {
  for (const session of open) await session.close();
  await x.drop();
  await y.drop();
});

async function sessions(...databases: TestDatabase[]): Promise<Map<string, Session>> {
  const found = new Map<string, Session>();
  for (const database of databases) {
    const name = database === x ? 'x' : 'y';
    const config = databaseConfig(database, { name });
    found.set(name, await Session.connect(config, { purpose: 'setup', name }));
  }
  open = [...open, ...found.values()];
  return found;
}

test('who waits holds no lock, and is told whose setup it waits for', async () => {
  const [onY, onBoth, onX] = [await sessions(y), await sessions(x, y), await sessions(x)];
  const told: string[] = [];
  const done: string[] = [];
  const tell = (why: string) => told.push(why);
  let both: Promise<void> | undefined;
  const work = async () => {
    both = whileSetupLocked(onBoth, async () => void done.push('both'), tell);
    await sleep(5_600);
    await whileSetupLocked(onX, async () => void done.push('x'), tell);
    done.push('y');
  };
  await whileSetupLocked(onY, work, tell);
  await both;
  expect(done).toEqual(['x', 'y', 'both']);
  const holder = `process ${onY.get('y')?.pid} of postgres (replicator/y/setup)`;
  expect(told).toEqual([`y: waiting for another setup of it: ${holder}`]);
  // It ends with the work, though that fails.
  const failing = whileSetupLocked(
    onBoth,
    async () => {
      throw new Error('broken off');
    },
    tell,
  );
  await expect(failing).rejects.toThrow('broken off');
  await whileSetupLocked(onX, async () => void done.push('again'), tell);
  expect(done.at(-1)).toBe('again');
});
