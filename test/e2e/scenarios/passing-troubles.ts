// What a server goes through by itself, or is put through, and what has an end: each begins while
// changes stream, and lasts until its end.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ErrorCode } from '../../../src/model/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { holdLock, untilWaitingForLock } from '../../support/hold-lock.ts';
import type { OwnServer } from '../../support/own-server.ts';
import { runAsServerUser, serverUser } from '../../support/server-user.ts';
import { createTemporaryFolder } from '../../support/temporary-folder.ts';
import type { OneWay } from './one-way.ts';

export interface Trouble {
  /** Whose server is in trouble. */
  readonly of: 'source' | 'target';
  /** One of these is told. */
  readonly codes: readonly ErrorCode[];
  /** Returns when it has begun, with what ends it. What is given to `clear` is done afterwards. */
  begin(
    world: OneWay,
    server: OwnServer,
    clear: (undo: () => void) => void,
  ): Promise<() => Promise<unknown>>;
  /** Not every machine lets a test make it. */
  readonly possible?: () => boolean;
}

export const troubles: Readonly<Record<string, Trouble>> = {
  'no connection is left on the target': {
    of: 'target',
    codes: ['TOO_MANY_CONNECTIONS'],
    begin: async (world, server) =>
      await takeAll(server, { database: world.target.database.name }, 'apply'),
  },
  'no walsender is left on the source': {
    of: 'source',
    codes: ['TOO_MANY_CONNECTIONS'],
    begin: async (world, server) =>
      await takeAll(
        server,
        { database: world.source.database.name, replication: 'database' },
        'walsender',
      ),
  },
  'the disk of the target is full': {
    of: 'target',
    codes: ['RESOURCES'],
    possible: mayMount,
    async begin({ source, target }, server, clear) {
      const disk = mountSmallDisk(server);
      clear(disk.remove);
      await server.query('postgres', `create tablespace small location '${disk.path}'`);
      await target.database.query('alter table log set tablespace small');
      await source.database.query(
        `insert into log select repeat('x', 1000) || i from generate_series(1, 5000) i`,
      );
      return async () => disk.enlarge();
    },
  },
  'memory is short on the target': raised('53200', 'RESOURCES'),
  'a transaction cannot be serialized on the target': raised('40001', 'SERVER_BUSY'),
  'statements are cancelled on the target': raised('57014', 'SERVER_BUSY'),
  'a table of the target is locked': {
    of: 'target',
    codes: ['LOCK_TIMEOUT'],
    async begin({ target }) {
      const lock = await holdLock(target.database, 'lock table log');
      return () => lock.release();
    },
  },
  'deadlocks with users of the target': {
    of: 'target',
    codes: ['SERVER_BUSY'],
    begin: deadlock,
  },
  'sessions of the target are terminated again and again': {
    of: 'target',
    codes: ['CONNECTION_LOST'],
    begin: async (_, server) => terminateAgainAndAgain(server),
  },
  'sessions of the source are terminated again and again': {
    of: 'source',
    codes: ['CONNECTION_LOST'],
    begin: async (_, server) => terminateAgainAndAgain(server),
  },
  'the target is down': {
    of: 'target',
    codes: ['CONNECTION_LOST', 'UNREACHABLE'],
    async begin(_, server) {
      await server.stop();
      return () => server.start();
    },
  },
  'the target is a standby': {
    of: 'target',
    codes: ['READ_ONLY'],
    async begin(_, server) {
      await server.stop();
      await runAsServerUser('touch', [join(server.dataDirectory, 'standby.signal')]);
      await server.start();
      return () => server.query('postgres', 'select pg_promote()');
    },
  },
};

/** A trigger on the target fails with it. */
function raised(sqlstate: string, code: ErrorCode): Trouble {
  return {
    of: 'target',
    codes: [code],
    async begin({ target }) {
      await target.database.query(`
        create function public.fail() returns trigger language plpgsql as
          $$ begin raise 'a trouble that passes' using errcode = '${sqlstate}'; end $$;
        create trigger fail before insert on log for each row execute function public.fail();
        alter table log enable always trigger fail`);
      return () => target.database.query('drop trigger fail on log');
    },
  };
}

/** Whenever ours has to connect anew, others have been faster. */
async function takeAll(
  server: OwnServer,
  options: { database: string; replication?: string },
  purpose: string,
): Promise<() => Promise<unknown>> {
  const taken: pg.Client[] = [];
  const take = async () => {
    const client = new pg.Client({ connectionString: server.url(options.database), ...options });
    client.on('error', () => undefined);
    await client.connect();
    taken.push(client);
    return client;
  };
  const ours = `from pg_stat_activity where application_name like 'replicator/%/${purpose}'`;
  const first = await take();
  await eventually(
    async () => {
      await first.query(`select pg_terminate_backend(pid) ${ours}`);
      // Until it is refused.
      while (await take().catch(() => undefined));
      return (await first.query(`select ${ours}`)).rowCount === 0;
    },
    { what: 'a server without a free place' },
  );
  return () => Promise.all(taken.map((client) => client.end()));
}

/** The user has one row and then wants another, of which ours has the one and wants the other. */
async function deadlock({ source, target }: OneWay): Promise<() => Promise<unknown>> {
  await source.database.query(`insert into t values (-1, ''), (-2, '')`);
  await eventually(
    async () => (await target.database.query('select from t where id < 0')).length === 2,
  );
  // Who waits first finds it, and is the victim: that is to be ours.
  const user = new pg.Client({ connectionString: target.database.url, application_name: 'test' });
  await user.connect();
  await user.query(`set deadlock_timeout = '1min'`);
  await user.query('begin');
  await user.query('select from t where id = -1 for update');
  await source.database.query(
    `begin; update t set v = 'x' where id = -2; update t set v = 'x' where id = -1; commit`,
  );
  await untilWaitingForLock(target.database);
  await user.query('select from t where id = -2 for update');
  return () => user.end();
}

async function terminateAgainAndAgain(server: OwnServer): Promise<() => Promise<unknown>> {
  let isOver = false;
  const terminating = (async () => {
    while (!isOver) {
      await server.query(
        'postgres',
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like 'replicator/%'`,
      );
      await sleep(50);
    }
  })();
  return async () => {
    isOver = true;
    await terminating;
  };
}

/** Only root may, and not in every container. */
function mayMount(): boolean {
  if (process.platform !== 'linux' || serverUser() === undefined) return false;
  const { path, guardian } = createTemporaryFolder('mount');
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path], { stdio: 'ignore' });
    execFileSync('umount', [path]);
    return true;
  } catch {
    return false;
  } finally {
    guardian.close();
  }
}

interface SmallDisk {
  readonly path: string;
  enlarge(): void;
  remove(): void;
}

function mountSmallDisk(server: OwnServer): SmallDisk {
  const path = join(server.folder.path, 'small');
  const user = serverUser();
  mkdirSync(path);
  const options = `size=2m,mode=700,uid=${user?.uid},gid=${user?.gid}`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  return {
    path,
    enlarge: () => execFileSync('mount', ['-o', 'remount,size=64m', path]),
    remove: () => execFileSync('umount', ['--lazy', path]),
  };
}
