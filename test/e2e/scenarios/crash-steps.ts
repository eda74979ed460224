// The daemon is killed, or loses a connection, at every step of a batch: the proxies see the bytes
// of both ends and choose the moment. Whatever it was, no effect is missing and none comes twice.
import type { ChunkHook, ProxyConnection } from '../../support/proxy-connection.ts';
import type { ReplicatorProcess } from '../../support/replicator-process.ts';
import { confirmedPositions, messageEnds } from '../../support/wire-messages.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';

export type BatchPath = 'as sets' | 'one by one';

interface Sweep extends Scenario {
  path: BatchPath;
  /** Only every n-th place; all of them by default. */
  every?: number;
}

/** kill -9 behind each message of the batch that reaches the target, until one batch gets through. */
export async function killBehindEachMessage({
  path,
  every = 1,
  ...scenario
}: Sweep): Promise<void> {
  await using world = await createOneWay(scenario);
  let replicator = await begin(world);
  for (let i = 0; ; i++) {
    const place = { message: i * every, half: false };
    const watch = new BatchWatch(world, place, () => replicator.signal('SIGKILL'));
    await writeTransaction(world, i, path);
    const end = await watch.end;
    watch.remove();
    if (end === 'applied') break;
    await replicator.untilExit();
    replicator = await world.start();
    await world.settle();
  }
  await world.settle();
}

/** The connection to the target breaks behind and inside each message; the daemon lives on. */
export async function cutAtEachMessage({ path, every = 1, ...scenario }: Sweep): Promise<void> {
  await using world = await createOneWay(scenario);
  await begin(world);
  for (let i = 0; ; i++) {
    const place = { message: Math.floor((i * every) / 2), half: (i * every) % 2 === 1 };
    const watch = new BatchWatch(world, place, () => undefined);
    await writeTransaction(world, i, path);
    const end = await watch.end;
    watch.remove();
    await world.settle();
    if (end === 'applied') break;
  }
}

export const lateSteps = [
  'received by the replicator',
  'commit done, its reply lost',
  'reply of the commit passed on',
  'before the confirmation',
  'behind the confirmation',
] as const;

/** kill -9 at the steps around what the target does. */
export async function killAt(
  step: (typeof lateSteps)[number],
  { path, ...scenario }: Sweep,
): Promise<void> {
  await using world = await createOneWay(scenario);
  const replicator = await begin(world);
  const kill = () => replicator.signal('SIGKILL');
  const onSource = await arm(world, step, kill);
  await writeTransaction(world, 0, path);
  await replicator.untilExit();
  onSource.remove();
  await world.start();
  await world.settle();
}

async function begin(world: OneWay): Promise<ReplicatorProcess> {
  const replicator = await world.start();
  await world.source.database.query(`
    insert into t select i, 'as it was' from generate_series(1, 3) as i;
    insert into log values ('as it was')`);
  await world.settle();
  return replicator;
}

/** Each kind of change to rows with a key, and one row without. `one by one`: a row is missing. */
async function writeTransaction(world: OneWay, i: number, path: BatchPath): Promise<void> {
  if (path === 'one by one') await world.target.database.query('delete from t where id = 2');
  await world.source.database.query(`
    begin;
    update t set v = 'update ${i}' where id = 2;
    insert into t values (${100 + i}, 'insert ${i}');
    delete from t where id = ${99 + i};
    insert into log values ('batch ${i}');
    commit`);
}

async function arm(
  world: OneWay,
  step: (typeof lateSteps)[number],
  kill: () => void,
): Promise<{ remove: () => void }> {
  const { source, target } = world;
  switch (step) {
    case 'received by the replicator':
      source.proxy.onServerData = (chunk) => {
        if (!chunk.includes('batch 0')) return undefined;
        setImmediate(kill);
        return undefined;
      };
      break;
    case 'commit done, its reply lost':
      target.proxy.onServerData = atCommitReply(() => {
        kill();
        return 'cut';
      });
      break;
    case 'reply of the commit passed on':
      target.proxy.onServerData = atCommitReply(() => {
        setImmediate(kill);
        return undefined;
      });
      break;
    case 'before the confirmation':
    case 'behind the confirmation': {
      const confirmed = await world.confirmedLsn();
      source.proxy.onClientData = (chunk) => {
        if (!confirmedPositions(chunk).some((lsn) => lsn > confirmed)) return undefined;
        if (step === 'before the confirmation') {
          kill();
          return 'cut';
        }
        setImmediate(kill);
        return undefined;
      };
    }
  }
  return {
    remove() {
      source.proxy.onServerData = undefined;
      source.proxy.onClientData = undefined;
      target.proxy.onServerData = undefined;
    },
  };
}

function atCommitReply(hook: () => 'cut' | undefined): ChunkHook {
  return (chunk) => (isCommitReply(chunk) ? hook() : undefined);
}

/** CommandComplete of the batch; other sessions of the daemon end transactions too, but not now. */
function isCommitReply(chunk: Buffer): boolean {
  return chunk.includes('COMMIT\0');
}

/** Behind that many messages of a batch, or in the middle of the next one. */
interface Place {
  message: number;
  half: boolean;
}

/** Follows the next batch on its way into the target and cuts it at one place. */
class BatchWatch {
  readonly end: Promise<'cut' | 'applied'>;
  readonly #world: OneWay;
  readonly #place: Place;
  #batch: ProxyConnection | undefined;
  #messages = 0;
  #over: (end: 'cut' | 'applied') => void = () => {};

  /** `onCut` is called before the last bytes reach the target. */
  constructor(world: OneWay, place: Place, onCut: () => void) {
    this.#world = world;
    this.#place = place;
    this.end = new Promise((resolve) => {
      this.#over = resolve;
    });
    const { proxy } = world.target;
    proxy.onClientData = (chunk, connection) => {
      if (this.#batch === undefined && chunk.includes('\0begin\0')) this.#batch = connection;
      if (connection !== this.#batch) return undefined;
      const at = this.#placeIn(chunk);
      if (at === undefined) return undefined;
      onCut();
      this.remove();
      this.#over('cut');
      return at;
    };
    proxy.onServerData = (chunk, connection) => {
      if (connection === this.#batch && isCommitReply(chunk)) this.#over('applied');
      return undefined;
    };
  }

  remove(): void {
    this.#world.target.proxy.onClientData = undefined;
    this.#world.target.proxy.onServerData = undefined;
  }

  /** Behind how many bytes of the chunk the place is, if it is in it. */
  #placeIn(chunk: Buffer): number | undefined {
    const { message, half } = this.#place;
    const ends = [0, ...messageEnds(chunk)];
    const index = message - this.#messages;
    const end = ends[index];
    this.#messages += ends.length - 1;
    if (end === undefined) return undefined;
    const next = ends[index + 1];
    if (!half) return end;
    return next === undefined ? undefined : Math.floor((end + next) / 2);
  }
}
