// A source and a target with the same table (or what the test makes of it), and an applier between
// them that is handed changes as if they had been decoded.
import { type Batch, batchOf } from '../../../../src/model/batch.ts';
import type { Change, RowChange } from '../../../../src/model/change.ts';
import type { ConflictCounts } from '../../../../src/model/conflict.ts';
import { zeroLsn } from '../../../../src/model/lsn.ts';
import type { Relation } from '../../../../src/model/relation.ts';
import { Tuple, type Value } from '../../../../src/model/tuple.ts';
import { describeTables } from '../../../../src/postgres/catalog.ts';
import { originName } from '../../../../src/postgres/object-names.ts';
import { Session } from '../../../../src/postgres/session.ts';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { Applier, type ApplierOptions } from '../../../../src/target/apply/applier.ts';
import { fetchFrom } from '../../../../src/target/apply/fetch-rows.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { assertNothingLeft } from '../../../support/leftovers.ts';
import { transactionOf } from '../../../support/model-values.ts';
import type { Major } from '../../../support/postgres-binaries.ts';
import { sharedServer } from '../../../support/servers-for-tests.ts';

/** As an id of the source's transaction: one that is over. */
const frozen = 2;

export class ApplierFixture {
  readonly source: TestDatabase;
  readonly target: TestDatabase;
  applier!: Applier;
  readonly conflicts: ConflictCounts[] = [];
  readonly #options: Partial<ApplierOptions>;
  #lsn = 0x1000n;
  #own: Applier | undefined;

  private constructor(
    source: TestDatabase,
    target: TestDatabase,
    options: Partial<ApplierOptions>,
  ) {
    this.source = source;
    this.target = target;
    this.#options = options;
  }

  static async create(
    major: Major,
    options: Partial<ApplierOptions> = {},
  ): Promise<ApplierFixture> {
    const server = await sharedServer(major);
    const fixture = new ApplierFixture(
      await createDatabase(server, 'applier source'),
      await createDatabase(server, 'applier target'),
      options,
    );
    await fixture.source.query(schemaStatements.join(';\n'));
    await fixture.target.query(`${schemaStatements.join(';\n')};
      select pg_replication_origin_create('replicator_a__b');
      insert into replicator.progress (source, origin, lsn) values ('a', 'replicator_a__b', '0/1000');
      insert into replicator.ranks (database, rank) values ('a', 1), ('b', 2)`);
    await fixture.connect();
    return fixture;
  }

  /** Again, as after any failure. */
  async connect(): Promise<void> {
    this.applier = await this.open();
  }

  /** Another one, beside the fixture's own. */
  async open(options: Partial<ApplierOptions> = {}): Promise<Applier> {
    return await Applier.connect({
      source: 'a',
      target: databaseConfig(this.target, { name: 'b' }),
      epoch: 0n,
      lineage: { owners: new Map(), timeline: 1n, leftAt: async () => undefined },
      lockTimeoutMs: 1_000,
      contestedOf: () => undefined,
      contenders: [],
      present: ['a', 'b'],
      endOfSource: async () => zeroLsn,
      conflictRetentionMs: 1_000,
      fetchRowsOf: fetchFrom(databaseConfig(this.source, { name: 'a' })),
      onConflicts: (counts) => this.conflicts.push(counts),
      onUnremembered: async () => undefined,
      ...this.#options,
      ...options,
    });
  }

  /** An applier of the target's own stream, which is closed with the fixture. */
  async openOwn(options: Partial<ApplierOptions> = {}): Promise<Applier> {
    const origin = originName('b', 'b');
    await this.target.query(`
      insert into replicator.installation (schema_version, database, system_identifier, database_oid)
        values (1, 'b', '1', 1);
      select pg_replication_origin_create('${origin}');
      insert into replicator.progress (source, origin, lsn) values ('b', '${origin}', '0/1000')`);
    this.#own = await this.open({ ...options, source: 'b' });
    return this.#own;
  }

  async close(): Promise<void> {
    await this.applier.close();
    await this.#own?.close();
    const { server } = this.target;
    await this.source.drop();
    // an origin that a session holds cannot be dropped, and sessions need a moment to go
    await this.target.drop();
    for (const source of this.#own ? ['a', 'b'] : ['a'])
      await server.query(
        'postgres',
        `select pg_replication_origin_drop('${originName(source, 'b')}')`,
      );
    await assertNothingLeft(server);
  }

  /** The same on both. */
  async onBoth(sql: string): Promise<void> {
    for (const database of [this.source, this.target]) await database.query(sql);
  }

  async relation(name: string): Promise<Relation> {
    return await relationOf(this.source, name);
  }

  /** As it is in the target's own stream. */
  async ownRelation(name: string): Promise<Relation> {
    return await relationOf(this.target, name);
  }

  /** Applies the changes as one batch that ends at the next position. */
  async apply(changes: readonly Change[], rest: Partial<Batch> = {}): Promise<void> {
    this.#lsn += 0x100n;
    const { commitTime = 0n, endLsn = this.#lsn } = rest;
    const whole = transactionOf(endLsn - 10n, changes);
    const { transaction } = whole;
    const head = { ...transaction, xid: frozen, commitTime };
    await this.applier.apply(batchOf([{ ...whole, transaction: head }]));
  }

  /** Rows of the target as text, in order. */
  async rows(table: string): Promise<string[]> {
    const rows = await this.target.query(`select t::text as t from ${table} t order by 1`);
    return rows.map(({ t }) => t ?? '');
  }
}

/** The table as pgoutput would describe it. */
export async function relationOf(source: TestDatabase, name: string): Promise<Relation> {
  await using session = await Session.connect(databaseConfig(source), {
    purpose: 'control',
    name: 'a',
  });
  const [table] = await describeTables(session, [{ schema: 'public', name }]);
  if (table === undefined) throw new Error(`no table ${name}`);
  const { oid, schema, replicaIdentity, columns, keys } = table;
  const identity = keys.find((key) => key.replicaIdentity) ?? keys.find((key) => key.primary);
  return {
    oid: Number(oid),
    schema,
    name,
    replicaIdentity,
    columns: columns
      .filter(({ generated }) => !generated)
      .map(({ name: column, typeOid, typeModifier }) => ({
        name: column,
        typeOid,
        typeModifier,
        identity: replicaIdentity === 'full' || identity?.columns.includes(column) === true,
      })),
  };
}

export function insert(relation: Relation, ...row: Value[]): RowChange {
  return { kind: 'insert', relation, new: Tuple.of(row) };
}

export function update(relation: Relation, ...row: Value[]): RowChange {
  return { kind: 'update', relation, old: undefined, new: Tuple.of(row) };
}

/** An update that changed the key: `old` has the identity's values and nulls. */
export function rekey(relation: Relation, old: readonly Value[], ...row: Value[]): RowChange {
  return { kind: 'update', relation, old: Tuple.of(old), new: Tuple.of(row) };
}

export function remove(relation: Relation, ...old: Value[]): RowChange {
  return { kind: 'delete', relation, old: Tuple.of(old) };
}
