// Rows that tell how far replication has come: written on the sources, looked for everywhere else.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from '../support/database.ts';
import { type Layout, living, pairsOf, writersOf } from './side.ts';
import type { Stage } from './stage.ts';

export const markTable = 'create table mark (name text primary key);';

/** How exactly the moment of an arrival is known. */
const pollMs = 5;
const patienceMs = 30 * 60_000;

let numbers = 0;

/** Never the same twice. */
export function newMark(what: string): string {
  numbers += 1;
  return `${numbers} ${what}`;
}

export async function writeMark(layout: Layout, mark: string): Promise<void> {
  for (const [i, writer] of writersOf(layout).entries())
    await writer.query('insert into mark values ($1)', [`${mark} ${i}`]);
}

interface Observer {
  readonly database: TestDatabase;
  /** How many of the marks are there. */
  readonly query: (marks: readonly string[]) => Promise<number>;
}

export class MarkWatch {
  readonly #layout: Layout;
  readonly #clients: readonly Observer[];

  private constructor(layout: Layout, clients: readonly Observer[]) {
    this.#layout = layout;
    this.#clients = clients;
  }

  static async open(stage: Stage, layout: Layout): Promise<MarkWatch> {
    const clients: Observer[] = [];
    for (const database of living(layout)) {
      const client = await stage.connect(database);
      const query: Observer['query'] = async (marks) => {
        const text = 'select count(*)::int as n from mark where name = any($1)';
        const { rows } = await client.query({ name: 'marks', text, values: [marks] });
        return rows[0].n;
      };
      clients.push({ database, query });
    }
    return new MarkWatch(layout, clients);
  }

  /** Until the mark of every writer is on all databases that it goes to. */
  async everywhere(mark: string): Promise<void> {
    await this.#until(mark, (each) => Promise.all(each).then((all) => all.every(Boolean)));
  }

  /** Until the first mark of any writer is on a database that it goes to. */
  async anywhere(mark: string): Promise<void> {
    await this.#until(mark, (each) => Promise.all(each).then((all) => all.some(Boolean)));
  }

  async #until(
    mark: string,
    enough: (each: Promise<boolean>[]) => Promise<boolean>,
  ): Promise<void> {
    const writers = writersOf(this.#layout);
    const wanted = this.#clients
      .map(({ database, query }) => ({
        query,
        marks: pairsOf(this.#layout)
          .filter(({ from, to }) => to === database && writers.includes(from))
          .map(({ from }) => `${mark} ${writers.indexOf(from)}`),
      }))
      .filter(({ marks }) => marks.length > 0);
    const deadline = performance.now() + patienceMs;
    while (
      !(await enough(wanted.map(async ({ query, marks }) => (await query(marks)) === marks.length)))
    ) {
      if (performance.now() > deadline) throw new Error(`mark ${mark} did not arrive`);
      await sleep(pollMs);
    }
  }
}
