// The world of most scenarios: one source, one target or more, a proxy in front of each, and the
// daemon as a process of its own.
import { expect } from 'vitest';
import { writeConfig } from '../../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../../support/proxy.ts';
import { type ReplicatorProcess, startReplicator } from '../../support/replicator-process.ts';

export interface Scenario {
  /** Where the source is, and the targets too unless `targetServer` says otherwise. */
  server: PostgresServer;
  targetServer?: PostgresServer;
  /** A broken build that the scenario must notice. */
  program?: string;
  /** How long something may take to happen before it is taken never to happen. */
  patienceMs?: number;
  /** Of the authority that has issued the servers' certificates for localhost; else there is no TLS. */
  sslrootcert?: string;
  /** Further keys of the file. */
  file?: Record<string, unknown>;
  /** Further keys of database `b` there. */
  target?: Record<string, unknown>;
  /** Of the daemon. */
  nodeArgs?: string[];
}

/** With a key, and without any unique key: there an effect that comes twice shows. */
const createTables = `
  create table t (id int primary key, v text);
  create table log (entry text)`;

export async function createOneWay(scenario: Scenario, targetNames = ['b']): Promise<OneWay> {
  const { server, targetServer = server } = scenario;
  const sites: [string, Site][] = [];
  for (const name of ['a', ...targetNames]) {
    const at = name === 'a' ? server : targetServer;
    const database = await createDatabase(at, `one way ${name}`);
    await database.query(createTables);
    const proxy = await createProxy(at.port);
    sites.push([name, { database, proxy }]);
  }
  return new OneWay(scenario, new Map(sites));
}

export interface Site {
  readonly database: TestDatabase;
  readonly proxy: TcpProxy;
}

export class OneWay implements AsyncDisposable {
  readonly config: string;
  readonly #scenario: Scenario;
  readonly #sites: ReadonlyMap<string, Site>;
  readonly #started: ReplicatorProcess[] = [];
  #sentinels = 0;

  constructor(scenario: Scenario, sites: ReadonlyMap<string, Site>) {
    this.#scenario = scenario;
    this.#sites = sites;
    this.config = this.writeConfig();
  }

  /** One more file for the same databases, through these proxies instead of the usual ones. */
  writeConfig(proxies: Readonly<Record<string, TcpProxy>> = {}): string {
    const { sslrootcert, target } = this.#scenario;
    const databases: Record<string, { url: string }> = {};
    const roles: Record<string, string> = {};
    for (const [name, { database, proxy }] of this.#sites) {
      const url = new URL(database.url);
      url.port = String((proxies[name] ?? proxy).port);
      if (sslrootcert !== undefined) {
        url.hostname = 'localhost';
        url.search = String(new URLSearchParams({ sslmode: 'verify-full', sslrootcert }));
      }
      databases[name] = { url: url.href, ...(name === 'b' && target) };
      roles[name] = name === 'a' ? 'source' : 'target';
    }
    return writeConfig({
      databases,
      relgroups: { all: { tables: ['public.*'] } },
      dbgroups: { one_way: roles },
      syncs: { a: { relgroup: 'all', dbgroup: 'one_way' } },
      apply: { lock_timeout: '500ms' },
      ...this.#scenario.file,
    });
  }

  get source(): Site {
    return this.site('a');
  }

  get target(): Site {
    return this.site('b');
  }

  site(name: string): Site {
    const site = this.#sites.get(name);
    if (site === undefined) throw new Error(`no database ${name}`);
    return site;
  }

  get patienceMs(): number {
    return this.#scenario.patienceMs ?? 20_000;
  }

  /** Starts the daemon; with `streaming` only once it reads the slot. */
  async start(config = this.config): Promise<ReplicatorProcess> {
    const replicator = this.launch(config);
    await replicator.waitForLog('streaming', { timeoutMs: this.patienceMs });
    return replicator;
  }

  launch(config = this.config): ReplicatorProcess {
    const { program, nodeArgs } = this.#scenario;
    const replicator = startReplicator(config, {
      ...(program !== undefined && { program }),
      ...(nodeArgs !== undefined && { nodeArgs }),
    });
    this.#started.push(replicator);
    return replicator;
  }

  /**
   * Everything committed until now has arrived, once, on the targets. A last row tells: it comes
   * after all others, also after those that are sent again.
   */
  async settle(
    targetNames = [...this.#sites.keys()].filter((name) => name !== 'a'),
  ): Promise<void> {
    const sentinel = `sentinel ${++this.#sentinels}`;
    await this.source.database.query(`insert into log (entry) values ('${sentinel}')`);
    const expected = await contentsOf(this.source.database);
    for (const name of targetNames) {
      const { database } = this.site(name);
      await eventually(
        async () => {
          const rows = await database.query('select from log where entry = $1', [sentinel]);
          return rows.length > 0;
        },
        { timeoutMs: this.patienceMs, intervalMs: 5, what: `${sentinel} on ${name}` },
      );
      expect(await contentsOf(database), `rows on ${name}`).toEqual(expected);
    }
  }

  /** Resolves once the target has the entry. */
  async untilArrived(entry: string, name = 'b'): Promise<void> {
    await eventually(async () => await this.has(entry, name), {
      timeoutMs: this.patienceMs,
      intervalMs: 5,
      what: `${entry} on ${name}`,
    });
  }

  async has(entry: string, name = 'b'): Promise<boolean> {
    const { database } = this.site(name);
    return (await database.query('select from log where entry = $1', [entry])).length > 0;
  }

  async confirmedLsn(): Promise<bigint> {
    return await this.#slotLsn('confirmed_flush_lsn');
  }

  async restartLsn(): Promise<bigint> {
    return await this.#slotLsn('restart_lsn');
  }

  /** Resolves once a status has told the source that everything before was received. */
  async untilReceived(lsn: bigint): Promise<void> {
    const { server } = this.source.database;
    const received = `select from pg_stat_replication where write_lsn - '0/0' >= $1`;
    await eventually(async () => (await server.query('postgres', received, [lsn])).length > 0, {
      timeoutMs: this.patienceMs,
      intervalMs: 5,
      what: `receipt of ${lsn}`,
    });
  }

  async isConfirmedSoon(lsn: bigint): Promise<boolean> {
    const confirmed = async () => (await this.confirmedLsn()) >= lsn;
    return await eventually(confirmed, { timeoutMs: 5_000, intervalMs: 5 }).catch(() => false);
  }

  async untilProgressIsConfirmed(): Promise<void> {
    const [row] = await this.target.database.query(
      `select (lsn - '0/0')::text as lsn from replicator.progress`,
    );
    await this.untilConfirmed(BigInt(row?.['lsn'] ?? 0));
  }

  async untilConfirmed(lsn: bigint): Promise<void> {
    await eventually(async () => (await this.confirmedLsn()) >= lsn, {
      timeoutMs: this.patienceMs,
      intervalMs: 5,
      what: `confirmation of ${lsn}`,
    });
  }

  /** The slots of the source that belong to one target each, by the target's name. */
  async copies(): Promise<string[]> {
    const { server, name } = this.source.database;
    const rows = await server.query(
      'postgres',
      `select substr(slot_name, 15) as target from pg_replication_slots
       where database = $1 and slot_name like 'replicator_a__%' order by 1`,
      [name],
    );
    return rows.map((row) => row['target'] ?? '');
  }

  async untilCopies(expected: readonly string[]): Promise<void> {
    await eventually(
      async () => {
        expect(await this.copies()).toEqual(expected);
      },
      { timeoutMs: this.patienceMs, intervalMs: 20, what: `slots of ${expected}` },
    );
  }

  /** What `replicator pause` and `resume` write. */
  async want(wish: 'pause' | 'resume', target = 'b'): Promise<void> {
    await this.source.database.query(
      `update replicator.subscriptions set paused = $1, wished_at = clock_timestamp()
       where target = $2`,
      [wish === 'pause', target],
    );
  }

  /** Entries `n <number>` were applied in the order of their numbers: rows lie as they came. */
  async expectOrder(targetNames: readonly string[]): Promise<void> {
    for (const name of targetNames) {
      const wrong = await this.site(name).database.query(
        `select n from (
           select n, lag(n) over (order by ctid) as before from (
             select ctid, substr(entry, 3)::int as n from log where entry like 'n %') entries) pairs
         where n <> before + 1`,
      );
      expect(wrong, `order on ${name}`).toEqual([]);
    }
  }

  async #slotLsn(column: 'confirmed_flush_lsn' | 'restart_lsn'): Promise<bigint> {
    // from another database: a look at the catalogs may write WAL of its own here
    const { server, name } = this.source.database;
    const [row] = await server.query(
      'postgres',
      `select ${column} - '0/0' as lsn from pg_replication_slots
       where database = $1 and slot_name = 'replicator_a'`,
      [name],
    );
    return BigInt(row?.['lsn'] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replicator of this.#started) {
      // a stopped process must be able to die
      replicator.signal('SIGCONT');
      await replicator.kill();
    }
    for (const { database, proxy } of this.#sites.values()) {
      await proxy.close();
      await database.drop();
    }
    const { server, targetServer = server } = this.#scenario;
    for (const each of new Set([server, targetServer])) {
      await eventually(() => each.query('postgres', dropOrigins), { what: 'end of our origins' });
      await assertNothingLeft(each);
    }
  }
}

const dropOrigins = `
  select pg_replication_origin_drop(roname) from pg_replication_origin
  where roname like 'replicator\\_a\\_\\_%'`;

async function contentsOf(database: TestDatabase): Promise<string[]> {
  const rows = await database.query(
    `select 't ' || id || ' ' || v as row from t
     union all select 'log ' || entry from log order by 1`,
  );
  return rows.map((row) => row['row'] ?? '');
}
