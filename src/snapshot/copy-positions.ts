// From where on the changes of each source count on a target into which another database is copied.
import { ReplicatorError } from '../model/errors.ts';
import { type Lsn, maxLsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import type { TableName } from '../model/relation.ts';
import { serverFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import type { CopyVersionsOptions } from './copy-versions.ts';
import type { ExportedSnapshot } from './exported-snapshot.ts';

export interface Feed {
  readonly source: string;
  /** The sync that the table comes from. */
  readonly sync: string;
}

export interface CopyParties extends CopyVersionsOptions {
  readonly snapshot: ExportedSnapshot;
  /** The copied database first, then the others that bring the table to the target. */
  readonly feeds: readonly Feed[];
}

export interface Position {
  readonly lsn: Lsn;
  /** Of the source; undefined where it is not known. */
  readonly timeline: bigint | undefined;
}

/**
 * From where on each feed's changes count. What the snapshot holds of another source is what was
 * applied to the copied database by then: its progress there, read in that same snapshot, or where it joined there if
 * that is later. One that has not joined there is left out, as nothing of it is in the copy. What the copied database has not yet read of its own changes, it has not yet settled with what
 * it met: these count once more on the target, where the versions that were copied say what is left of them. Throws
 * SERVER_BUSY when the target has passed by more, which would not be sent again, or when it is on another timeline,
 * where positions say something else.
 */
export async function readPositions(
  table: TableName,
  options: CopyParties,
): Promise<ReadonlyMap<string, Position>> {
  const { source, target, snapshot, feeds, contenders } = options;
  const { name: copied } = source.database;
  const others = feeds.map((feed) => feed.source).filter((name) => name !== copied);
  const { timeline } = await serverFacts(source);
  const positions = new Map<string, Position>([
    [copied, { lsn: snapshot.consistentLsn, timeline }],
  ]);
  const met = contenders.length > 0 ? [...others, copied] : others;
  const passed = await readProgress(target, met);
  const joinedAt = await readJoinedAt(source, table);
  for (const [name, progress] of await readProgress(source, met)) {
    if (name === copied && progress.lsn >= snapshot.consistentLsn) continue;
    if (name !== copied && !joinedAt.has(name)) continue;
    const { timeline: known } = progress;
    const lsn = maxLsn(progress.lsn, joinedAt.get(name) ?? zeroLsn);
    if (lsn < (passed.get(name)?.lsn ?? zeroLsn)) throw hasLess(source, target, name);
    // Its own ones were on its disk, so they are on the timeline that it came to as well.
    positions.set(name, { lsn, timeline: name === copied ? timeline : known });
  }
  await expectSameTimelines(positions, options);
  return positions;
}

/** By source of the table. */
async function readJoinedAt(
  session: Session,
  { schema, name }: TableName,
): Promise<ReadonlyMap<string, Lsn>> {
  const rows = await session.query<{ source: string; copied_at: string }>(
    `select source, copied_at::text as copied_at from replicator.tables
     where not lost and table_schema = $1 and table_name = $2`,
    [schema, name],
  );
  return new Map(rows.map(({ source, copied_at }) => [source, parseLsn(copied_at)]));
}

/** By source: what is applied here. */
export async function readProgress(
  session: Session,
  sources: readonly string[],
): Promise<ReadonlyMap<string, Position>> {
  const rows = await session.query<{ source: string; lsn: string; timeline: string | null }>(
    `select source, lsn::text as lsn, timeline::text as timeline
     from replicator.progress where source = any ($1)`,
    [sources],
  );
  return new Map(
    rows.map(({ source, lsn, timeline }) => [
      source,
      { lsn: parseLsn(lsn), timeline: timeline === null ? undefined : BigInt(timeline) },
    ]),
  );
}

/** The copied database and the target have followed each source equally far through its promotions. */
export async function expectSameTimelines(
  positions: ReadonlyMap<string, Position>,
  { source, target }: CopyParties,
): Promise<void> {
  const there = await readProgress(target, [...positions.keys()]);
  for (const [name, { timeline }] of positions) {
    const other = there.get(name)?.timeline;
    if (timeline === undefined || other === undefined || timeline === other) continue;
    const { name: from } = source.database;
    const { name: to } = target.database;
    throw new ReplicatorError(
      'SERVER_BUSY',
      `${from}:${to}: ${from} is on timeline ${timeline} of ${name}, and ${to} on ${other}`,
      {
        hint: `goes on by itself once both are on the same; are ${name}:${from} and ${name}:${to} at work?`,
      },
    );
  }
}

function hasLess({ database: from }: Session, { database: to }: Session, other: string): Error {
  return new ReplicatorError(
    'SERVER_BUSY',
    `${from.name}:${to.name}: ${from.name} has less of ${other} than ${to.name}, and is copied once it has as much`,
    { hint: `goes on by itself; is ${other}:${from.name} at work?` },
  );
}
