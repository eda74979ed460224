// Several databases with one table that all of them write to, and an applier for each direction and for
// each own stream; what is written is delivered when the test says so, as if its stream had brought it.
import pg from 'pg';
import { batchOf } from '../../../../src/model/batch.ts';
import type { RowChange } from '../../../../src/model/change.ts';
import type { ReplicatorError } from '../../../../src/model/errors.ts';
import { zeroLsn } from '../../../../src/model/lsn.ts';
import type { Relation } from '../../../../src/model/relation.ts';
import type { WholeTransaction } from '../../../../src/model/transaction.ts';
import { Tuple, unchanged } from '../../../../src/model/tuple.ts';
import { originName } from '../../../../src/postgres/object-names.ts';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { Applier } from '../../../../src/target/apply/applier.ts';
import { fetchFrom } from '../../../../src/target/apply/fetch-rows.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { transactionOf } from '../../../support/model-values.ts';
import type { Major } from '../../../support/postgres-binaries.ts';
import { sharedServer } from '../../../support/servers-for-tests.ts';
import { relationOf } from '../apply/applier-fixture.ts';

/** A value that another row has, and a deadlock with those who apply. */
const refusals = ['23505', '40P01'];
const contested = { sync: 's', log: 'full', windowMs: 0, pauses: false } as const;
const asText = { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig;

export interface Master {
  readonly name: string;
  readonly database: TestDatabase;
  readonly client: pg.Client;
  readonly relation: Relation;
  /** What it has committed, in that order. */
  readonly stream: WholeTransaction[];
}

/** A statement of a user; columns that it does not set may be left out of what is sent. */
export interface Written {
  readonly sql: string;
  readonly kind: RowChange['kind'];
  readonly unsent?: readonly string[];
  /** Instead, if it finds no row. */
  readonly otherwise?: Written;
}

interface Route {
  readonly source: Master;
  readonly target: Master;
  applier: Applier;
  delivered: number;
}

export class Masters {
  readonly masters: Master[] = [];
  readonly routes: Route[] = [];
  #lsn = 0x1000n;

  static async create(majors: readonly Major[], ddl: string): Promise<Masters> {
    const all = new Masters();
    for (const [i, major] of majors.entries())
      all.masters.push(await createMaster('abc'[i] ?? '', major, ddl, majors.length));
    for (const source of all.masters)
      for (const target of all.masters) all.routes.push(await createRoute(source, target));
    return all;
  }

  /** As one transaction; false, and nothing done, where the server refuses a value twice. */
  async write(
    { client, relation, stream }: Master,
    statements: readonly Written[],
  ): Promise<boolean> {
    const changes: RowChange[] = [];
    await client.query('begin');
    try {
      for (const statement of statements)
        for (
          let next: Written | undefined = statement, before = changes.length;
          next !== undefined && changes.length === before;
          next = next.otherwise
        ) {
          const { sql, kind, unsent = [] } = next;
          const { rows } = await client.query<Record<string, string | null>>(`${sql} returning *`);
          for (const row of rows) changes.push(changeOf(relation, kind, row, unsent));
        }
    } catch (error) {
      await client.query('rollback');
      if (!refusals.includes((error as pg.DatabaseError).code ?? '')) throw error;
      return false;
    }
    const { rows } = await client.query('select txid_current()::text as xid');
    await client.query('commit');
    if (changes.length === 0) return false;
    const xid = rows[0]?.xid;
    const [at] = (
      await client.query(
        `select ((extract(epoch from pg_xact_commit_timestamp('${xid}'::xid)) - 946684800) * 1000000)::bigint as at`,
      )
    ).rows;
    this.#lsn += 0x100n;
    const { transaction, ...part } = transactionOf(this.#lsn, changes);
    const commitTime = BigInt(at.at);
    stream.push({ ...part, transaction: { ...transaction, xid: Number(xid), commitTime } });
    return true;
  }

  /** The next `count` transactions of the route's source, as one batch. */
  async deliver(route: Route, count: number): Promise<void> {
    const { source, target, delivered } = route;
    const transactions = source.stream.slice(delivered, delivered + count);
    for (let attempt = 1; ; attempt += 1)
      try {
        const { progress } = route.applier;
        const rest = transactions.filter(({ endLsn }) => endLsn > progress);
        if (rest.length > 0) await route.applier.apply(batchOf(rest));
        break;
      } catch (error) {
        if ((error as ReplicatorError).retry !== 'timed' || attempt === 5) throw error;
        route.applier.destroy();
        route.applier = await connect(source, target);
      }
    route.delivered += transactions.length;
  }

  /** Of each database, in the same order. */
  async rows(table: string): Promise<string[][]> {
    return await Promise.all(
      this.masters.map(async ({ client }) => {
        const { rows } = await client.query(`select t::text as t from ${table} t order by 1`);
        return rows.map(({ t }) => t);
      }),
    );
  }

  /** Everything is as it was at first. */
  async empty(table: string): Promise<void> {
    for (const { client, stream } of this.masters) {
      await client.query(`truncate ${table}, replicator.tombstones, replicator.claims,
        replicator.manifests, replicator.copied_versions, replicator.conflicts`);
      stream.length = 0;
    }
    for (const route of this.routes) route.delivered = 0;
  }

  async close(): Promise<void> {
    for (const { applier } of this.routes) await applier.close();
    for (const { client, database } of this.masters) {
      await client.end();
      await database.drop();
    }
    for (const { source, target } of this.routes)
      await target.database.server.query(
        'postgres',
        `select pg_replication_origin_drop('${originName(source.name, target.name)}')`,
      );
  }
}

async function createMaster(
  name: string,
  major: Major,
  ddl: string,
  count: number,
): Promise<Master> {
  const database = await createDatabase(await sharedServer(major), `master ${name}`);
  const others = [...'abc'.slice(0, count)];
  await database.query(`${schemaStatements.join(';\n')};
    insert into replicator.installation (schema_version, database, system_identifier, database_oid)
      values (1, '${name}', '1', 1);
    ${others
      .map(
        (source, rank) => `select pg_replication_origin_create('${originName(source, name)}');
          insert into replicator.progress (source, origin, lsn)
            values ('${source}', '${originName(source, name)}', '0/1000');
          insert into replicator.ranks (database, rank) values ('${source}', ${rank + 1});`,
      )
      .join('\n')}
    ${ddl}`);
  const client = new pg.Client({ connectionString: database.url, types: asText });
  await client.connect();
  return { name, database, client, relation: await relationOf(database, 't'), stream: [] };
}

async function createRoute(source: Master, target: Master): Promise<Route> {
  return { source, target, applier: await connect(source, target), delivered: 0 };
}

async function connect(source: Master, target: Master): Promise<Applier> {
  return await Applier.connect({
    source: source.name,
    target: databaseConfig(target.database, { name: target.name }),
    epoch: 0n,
    lineage: { owners: new Map(), timeline: 1n, leftAt: async () => undefined },
    lockTimeoutMs: 1_000,
    contestedOf: () => contested,
    contenders: ['a', 'b'],
    present: ['a', 'b'],
    endOfSource: async () => zeroLsn,
    conflictRetentionMs: 60_000,
    fetchRowsOf: fetchFrom(databaseConfig(source.database, { name: source.name })),
    onConflicts: () => undefined,
    onUnremembered: async () => undefined,
  });
}

function changeOf(
  relation: Relation,
  kind: RowChange['kind'],
  row: Readonly<Record<string, string | null>>,
  unsent: readonly string[],
): RowChange {
  const tuple = Tuple.of(
    relation.columns.map(({ name }) => (unsent.includes(name) ? unchanged : (row[name] ?? null))),
  );
  const old = Tuple.of(
    relation.columns.map(({ name, identity }) => (identity ? (row[name] ?? null) : null)),
  );
  if (kind === 'insert') return { kind, relation, new: tuple };
  if (kind === 'delete') return { kind, relation, old };
  return { kind, relation, old: undefined, new: tuple };
}
