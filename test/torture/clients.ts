// Clients that write to the databases until they are told to stop. They talk to the servers
// themselves, not through the proxies, and lose their connections when a server goes.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Operation, operationId } from './history.ts';
import type { Master } from './master.ts';
import { Random } from './random.ts';
import { Turn, type Workload } from './workloads/workload.ts';
import type { World } from './world.ts';

export interface Clients {
  /** Rejects when one of them cannot go on. */
  readonly ended: Promise<unknown>;
  /** Ends after the turns that are running. */
  stop(): Promise<void>;
}

export function startClients(world: World): Clients {
  const stop = new AbortController();
  const running = world.written.flatMap((master) =>
    Array.from({ length: world.options.clients }, (_, i) =>
      new Client(world, master, `${master.name}/${i + 1}`).run(stop.signal),
    ),
  );
  const all = Promise.all(running);
  all.catch(() => undefined);
  return {
    ended: all,
    async stop() {
      stop.abort();
      await all;
    },
  };
}

/** Neither a conflict between clients nor a lost connection: a workload is wrong. */
class UnexpectedError extends Error {}

class Client {
  readonly #world: World;
  readonly #master: Master;
  readonly #name: string;
  readonly #random: Random;
  readonly #workloads: readonly Workload[];
  #turns = 0;

  constructor(world: World, master: Master, name: string) {
    this.#world = world;
    this.#master = master;
    this.#name = name;
    this.#random = new Random(`${world.options.seed} ${name}`);
    this.#workloads = world.workloads.filter(
      ({ tables }) => master.index === 0 || tables.every(({ singleWriter }) => !singleWriter),
    );
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const client = new pg.Client({
        connectionString: this.#master.url,
        application_name: 'torture',
        types: { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig,
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!stop.aborted && (await this.#turn(client)))
          await sleep(this.#random.next() * this.#world.options.restMs);
      } catch (error) {
        if (error instanceof UnexpectedError) throw error;
        // the server is away
        await sleep(50);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  /** Returns whether the connection can be used again. */
  async #turn(client: pg.Client): Promise<boolean> {
    const { options, history } = this.#world;
    this.#turns += 1;
    const id = operationId(this.#master.nextTurn(), this.#master.index);
    const workload = this.#pickWorkload();
    await workload.waitBefore?.();
    const turn = new Turn({
      id,
      n: this.#turns,
      clientName: this.#name,
      client,
      random: this.#random,
      keys: options.keys,
      keysLastMs: options.keysLastMs,
      own:
        options.rows === 'own'
          ? { modulus: this.#world.masters.length, remainder: this.#master.index }
          : undefined,
    });
    const facts = { id, client: this.#name, workload: workload.name };
    const done = (outcome: Pick<Operation, 'outcome' | 'why'>) =>
      history.complete({
        ...facts,
        master: this.#master.index,
        effects: turn.effects,
        ...outcome,
      });
    history.invoke(facts);
    let committing = false;
    try {
      await client.query('begin');
      await client.query('insert into torture.marker values ($1)', [id]);
      await workload.act(turn);
      committing = true;
      await client.query('commit');
      done({ outcome: 'ok' });
      return true;
    } catch (error) {
      const why = String((error as { code?: string }).code ?? (error as Error).message);
      // a constraint, a deadlock: the server refuses the transaction and stays
      const refused = /^(23|40)/.test(why);
      done({ outcome: committing && !refused ? 'unknown' : 'fail', why });
      if (refused) await client.query('rollback');
      else if (!isLoss(why))
        throw new UnexpectedError(`${workload.name}: ${why}`, { cause: error });
      return refused;
    }
  }

  #pickWorkload(): Workload {
    const total = this.#workloads.reduce((sum, { weight = 1 }) => sum + weight, 0);
    let at = this.#random.next() * total;
    for (const workload of this.#workloads) {
      at -= workload.weight ?? 1;
      if (at < 0) return workload;
    }
    return this.#random.pick(this.#workloads);
  }
}

/** The server went away, one way or the other. */
const isLoss = (why: string): boolean =>
  /^(57P|08|ECONN|EPIPE)/.test(why) || /[Cc]onnection|not queryable|socket/.test(why);
