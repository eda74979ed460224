// What a person has decided is carried out as one more write of the chosen row, by an ordinary
// transaction of the database: why this converges is said in conflict-decision.ts.

import type { RowImage } from '../../model/conflict.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { type TableName, tableLabel } from '../../model/relation.ts';
import { type CatalogTable, describeTables } from '../../postgres/catalog.ts';
import { collated, quoteIdentifier, quoteTable } from '../../postgres/identifiers.ts';
import type { Session } from '../../postgres/session.ts';
import { isAsDescribed } from '../apply/as-described.ts';

export type Decision = 'local' | 'remote';

/** A row of replicator.conflicts that waits for a decision. */
export interface Undecided {
  readonly id: string;
  readonly sync: string;
  readonly source: string;
  /** By which the table is known here, whatever its name; and on the source. */
  readonly oid: string;
  readonly sourceOid: string | null;
  /** As it is called by now, or was if it is gone. */
  readonly table: TableName;
  readonly key: RowImage;
  readonly localDatabase: string | null;
  readonly localCommitTime: string | null;
  readonly remoteCommitTime: string;
  readonly localRow: RowImage | null;
  readonly remoteRow: RowImage | null;
}

/** Undefined when there is no such conflict, or it does not wait. */
export async function readUndecided(session: Session, id: string): Promise<Undecided | undefined> {
  const [row] = await session.query<{ json: string }>(
    `select json_build_object('id', c.id::text, 'sync', c.sync, 'source', c.source,
       'oid', c.relation::text, 'sourceOid', (
         select r.source_oid::text from replicator.tables r
         where r.source = c.source and r.target_oid = c.relation and not r.lost),
       'table', json_build_object('schema', c.table_schema, 'name', c.table_name), 'key', c.key,
       'localDatabase', c.local_database, 'localCommitTime', c.local_commit_time::text,
       'remoteCommitTime', c.remote_commit_time::text,
       'localRow', c.local_row, 'remoteRow', c.remote_row)::text as json
     from replicator.conflicts c
     where c.id = $1 and c.resolution = 'error' and c.decision is null`,
    [id],
  );
  if (row === undefined) return undefined;
  const conflict = JSON.parse(row.json) as Undecided;
  return { ...conflict, table: (await describe(session, conflict)) ?? conflict.table };
}

export type Outcome = 'decided' | 'the row has changed since' | 'the table is not there any more';

/**
 * In a transaction of its own, on a session without an origin. `settleMs`: how much later than both
 * versions the write must be, so that it is not taken for one more conflict.
 */
export async function carryOut(
  session: Session,
  conflict: Undecided,
  decision: Decision,
  settleMs: number,
): Promise<Outcome> {
  const { id, key, localRow, remoteRow } = conflict;
  return await session.transaction(async () => {
    const table = await describe(session, conflict);
    if (table === undefined) {
      await drop(session, id);
      return 'the table is not there any more';
    }
    const rows = new KeyedRow(table, key);
    const present = await rows.lock(session);
    if (!isAsRecorded(present, localRow)) {
      await drop(session, id);
      return 'the row has changed since';
    }
    const chosen = decision === 'local' ? present : remoteRow;
    if (chosen !== null) await rows.write(session, chosen);
    // What is not there cannot be deleted, but must be: a delete is what others hear of.
    else if (present === null && remoteRow !== null) await rows.write(session, remoteRow);
    if (chosen === null) await rows.remove(session);
    await session.query(
      `select replicator.await_clock(greatest(c.local_commit_time, c.remote_commit_time)
         + $2::bigint * interval '1 ms')
       from replicator.conflicts c where c.id = $1`,
      [id, String(settleMs)],
    );
    await session.query(
      `update replicator.conflicts set decision = $2, decision_at = clock_timestamp() where id = $1`,
      [id, decision],
    );
    return 'decided';
  });
}

/**
 * On another database that stopped between the same two versions of the row: there it goes on by
 * `latest`, until the write of the decision arrives. Gives the sources whose subscriptions it was.
 */
export async function decideAlike(
  session: Session,
  conflict: Undecided,
  decision: Decision,
): Promise<string[]> {
  const rows = await session.query<{ source: string }>(
    `update replicator.conflicts c
     set decision = case when (c.source = $4) = ($8 = 'remote') then 'remote' else 'local' end,
       decision_at = clock_timestamp()
     where c.resolution = 'error' and c.decision is null
       and c.key = $3::jsonb and c.relation in (
         select $1::oid where $2::text = $4
         union all
         select r.target_oid from replicator.tables r where r.source = $4 and r.source_oid = $1)
       and ((c.source = $4 and c.remote_commit_time = $5::timestamptz
             and c.local_database = $6 and c.local_commit_time = $7::timestamptz)
         or (c.source = $6 and c.remote_commit_time = $7::timestamptz
             and c.local_database = $4 and c.local_commit_time = $5::timestamptz))
     returning c.source`,
    [
      conflict.sourceOid,
      session.database.name,
      JSON.stringify(conflict.key),
      conflict.source,
      conflict.remoteCommitTime,
      conflict.localDatabase,
      conflict.localCommitTime,
      decision,
    ],
  );
  return rows.map(({ source }) => source);
}

async function describe(
  session: Session,
  { oid }: Pick<Undecided, 'oid'>,
): Promise<CatalogTable | undefined> {
  const [found] = await describeTables(session, [], [oid]);
  return found;
}

/** Whoever still waits asks anew, and an old question nobody waits for is gone. */
async function drop(session: Session, id: string): Promise<void> {
  await session.query('delete from replicator.conflicts where id = $1', [id]);
}

/** Of the columns that the record has; it may lack some that were added since. */
function isAsRecorded(present: RowImage | null, recorded: RowImage | null): boolean {
  if (present === null || recorded === null) return present === recorded;
  return Object.entries(recorded).every(([name, value]) => present[name] === value);
}

/** The row of a table that has the key. */
class KeyedRow {
  readonly #table: CatalogTable;
  readonly #key: [column: string, value: string | null][];

  constructor(table: CatalogTable, key: RowImage) {
    this.#table = table;
    this.#key = Object.entries(key);
  }

  /** From then on the table keeps its name too: it is written by that. */
  async lock(session: Session): Promise<RowImage | null> {
    const columns = this.#table.columns.map(({ name }) => `t.${quoteIdentifier(name)}`);
    const { oid, shape } = this.#table;
    const isSame = isAsDescribed({ oid, shape, label: tableLabel(this.#table) });
    const [row] = await session.query(
      `select ${columns.join(', ')} from ${this.#quoted} as t
       where ${isSame} and ${this.#where} for update`,
      this.#values,
    );
    return row ?? null;
  }

  async remove(session: Session): Promise<void> {
    await session.query(`delete from ${this.#quoted} as t where ${this.#where}`, this.#values);
  }

  /** As a new version of the row also when it is as it was. */
  async write(session: Session, image: RowImage): Promise<void> {
    const columns = this.#table.columns.filter(
      ({ name, generated }) => !generated && image[name] !== undefined,
    );
    const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
    const values = columns.map(({ castType }, i) => `$${i + 1}::text::${castType}`).join(', ');
    const arbiter = this.#key.map(([name]) => quoteIdentifier(name)).join(', ');
    const set = columns
      .filter(({ identity }) => identity !== 'always')
      .map(({ name }) => `${quoteIdentifier(name)} = excluded.${quoteIdentifier(name)}`);
    if (set.length === 0) await this.remove(session);
    const upsert =
      set.length === 0 ? '' : `on conflict (${arbiter}) do update set ${set.join(', ')}`;
    await session.query(
      `insert into ${this.#quoted} (${names}) overriding system value values (${values}) ${upsert}`,
      columns.map(({ name }) => image[name]),
    );
  }

  get #quoted(): string {
    return quoteTable(this.#table);
  }

  get #values(): (string | null)[] {
    return this.#key.map(([, value]) => value);
  }

  get #where(): string {
    const columns = this.#key.map(([name]) => name);
    const index = this.#table.keys.find(
      (key) =>
        key.columns.length === columns.length && columns.every((c) => key.columns.includes(c)),
    );
    const tests = columns.map((name, i) => {
      const column = this.#table.columns.find((each) => each.name === name);
      const position = index?.columns.indexOf(name) ?? -1;
      const equals = index?.operators[position];
      const collation = index?.collations[position] ?? null;
      if (column !== undefined && equals !== undefined)
        return `t.${quoteIdentifier(name)} ${equals} ${collated(`$${i + 1}::text::${column.castType}`, collation)}`;
      throw new ReplicatorError(
        'SCHEMA_DRIFT',
        `${tableLabel(this.#table)} has no key (${columns.join(', ')}) any more`,
      );
    });
    return tests.join(' and ');
  }
}
