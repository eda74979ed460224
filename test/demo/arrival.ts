// Measures how long a row takes from one master to the other.
import type pg from 'pg';

interface Master {
  readonly name: string;
  readonly client: pg.Client;
}

const patienceMs = 30_000;

/** Runs `write`, then asks `arrived` until it gives a row, and says how long that took. */
export async function showArrival(
  on: Master,
  arrived: string,
  what: string,
  stop: AbortSignal,
  say: (text: string) => void,
  write: () => Promise<unknown> = async () => {},
): Promise<void> {
  await write();
  const committed = performance.now();
  while ((await on.client.query(arrived)).rowCount === 0) {
    stop.throwIfAborted();
    if (performance.now() - committed > patienceMs)
      throw new Error(`${what}: not on ${on.name} after ${patienceMs / 1000} s`);
  }
  const elapsed = performance.now() - committed;
  say(`  ${what}\n    … on ${on.name} after ${elapsed.toFixed(1)} ms`);
}

export async function compareMasters(first: pg.Client, second: pg.Client): Promise<boolean> {
  const rows = 'select a, b from test1 order by a';
  const [one, other] = [await first.query(rows), await second.query(rows)];
  return JSON.stringify(one.rows) === JSON.stringify(other.rows);
}
