// What a settled row is as a conflict, if it is one at all, and whether it is worth telling.
import { beforeAllTimes } from '../../model/commit-time.ts';
import type {
  Conflict,
  ConflictKind,
  ConflictResolution,
  ConflictSide,
  DecidingRule,
} from '../../model/conflict.ts';
import { unchanged } from '../../model/tuple.ts';
import { isOlder, type Version } from '../../model/version.ts';
import { rowImage } from './conflict-log.ts';
import type { PresentRow, RowChanged } from './look-at-row.ts';
import type { Clash } from './look-at-values.ts';
import type { Settled } from './settle-row.ts';

/** Undefined when the row met nothing of another database's. */
export function conflictOf(settled: Settled): Conflict | undefined {
  const kind = kindOf(settled);
  if (kind === undefined) return undefined;
  return {
    ...sidesOf(settled, otherVersion(settled), settled.presentRow),
    kind,
    resolution: resolutionOf(settled),
    rule: ruleOf(settled),
  };
}

function sidesOf(
  { table, key, incoming, version }: RowChanged,
  other: Version | undefined,
  otherRow: PresentRow | undefined,
): Pick<Conflict, 'sync' | 'table' | 'key' | 'local' | 'remote'> {
  const names = table.columns.map(({ name }) => name);
  // What a person is to decide on must be whole, or no row; else it is told what came.
  const pauses = table.contested?.pauses;
  const characters = pauses ? Number.POSITIVE_INFINITY : undefined;
  const local: ConflictSide | undefined = other && {
    version: other,
    row: otherRow && rowImage(names, otherRow, characters),
  };
  const came =
    incoming.kind === 'delete' || (pauses && incoming.gone)
      ? undefined
      : ((pauses ? undefined : incoming.sent) ?? incoming.row).values;
  const values = came && table.columns.map(({ index }) => came[index] ?? null);
  return {
    sync: table.contested?.sync ?? '',
    table: table.relation,
    key: rowImage(
      key.map(({ name }) => name),
      incoming.key,
    ),
    local,
    remote: { version, row: values && rowImage(names, values, characters) },
  };
}

/** Two rows that want one value of a unique key. */
export function conflictOfClash({ rival, rivals, resolution, ...change }: Clash): Conflict {
  const { incoming } = change;
  const kind = incoming.kind === 'insert' ? 'insert_exists' : 'update_exists';
  return {
    ...sidesOf(change, rival.version, rival.row),
    kind: rivals > 1 ? 'multiple_unique_conflicts' : kind,
    resolution,
    rule: 'claim',
  };
}

/** Whether a change lost, or overruled another database's of not long before it. */
export function isWorthTelling({ resolution, local, remote }: Conflict, windowMs: number): boolean {
  if (local === undefined || resolution === 'skip') return false;
  const near = remote.version.time - local.version.time <= BigInt(windowMs) * 1000n;
  return resolution === 'keep_local' || near;
}

/** By PostgreSQL's names. */
function kindOf({
  incoming,
  version,
  present,
  presentRow,
  table,
}: Settled): ConflictKind | undefined {
  const { row, tombstone } = present;
  if (row === undefined) {
    if (incoming.kind === 'delete') return 'delete_missing';
    if (tombstone !== undefined && tombstone.rank !== version.rank) return 'update_deleted';
    return incoming.kind === 'update' ? 'update_missing' : undefined;
  }
  if (row === 'own batch' || row.rank === version.rank || row.time === beforeAllTimes)
    return undefined;
  if (incoming.kind === 'delete') return 'delete_origin_differs';
  // What was completed is what the source has by now, which may be this very row.
  const came = (incoming.sent ?? incoming.row).values;
  const isSame = table.columns.every(
    ({ index }, i) => came[index] === unchanged || came[index] === presentRow?.[i],
  );
  if (isSame) return undefined;
  return incoming.kind === 'insert' ? 'insert_exists' : 'update_origin_differs';
}

function otherVersion({ present }: Settled): Version | undefined {
  return present.row === 'own batch' ? undefined : (present.row ?? present.tombstone);
}

function resolutionOf({ incoming, version, present, resolution }: Settled): ConflictResolution {
  const { row, tombstone } = present;
  const isLost = incoming.kind !== 'delete' && isOlder(version, tombstone);
  if (row === undefined && resolution.action === 'keep' && !isLost) return 'skip';
  return resolution.action === 'keep' ? 'keep_local' : 'apply_remote';
}

function ruleOf(settled: Settled): DecidingRule {
  const { present, version } = settled;
  const other = otherVersion(settled);
  if (other === undefined) return 'missing';
  if (present.row === undefined) return 'tombstone';
  return other.time === version.time ? 'rank' : 'newer';
}
