// What a settled row is as a conflict, if it is one at all, and whether it is worth telling.
import { beforeAllTimes } from '../../model/commit-time.ts';
import type {
  Conflict,
  ConflictKind,
  ConflictResolution,
  ConflictSide,
  DecidingRule,
} from '../../model/conflict.ts';
import { unchanged, type Value } from '../../model/tuple.ts';
import { isOlder, type Version } from '../../model/version.ts';
import type { TargetTable } from '../apply/target-table.ts';
import { rowImage } from './conflict-log.ts';
import type { PresentRow, RowChanged } from './look-at-row.ts';
import type { Clash } from './look-at-values.ts';
import type { Settled } from './settle-row.ts';

/** Undefined when the row met nothing of another database's. */
export function conflictOf(settled: Settled): Conflict | undefined {
  const kind = kindOf(settled);
  if (kind === undefined) return undefined;
  const decision = { kind, resolution: resolutionOf(settled), rule: ruleOf(settled) };
  return conflictBetween(settled, otherVersion(settled), settled.presentRow, decision);
}

function conflictBetween(
  change: RowChanged,
  other: Version | undefined,
  otherRow: PresentRow | undefined,
  { kind, resolution, rule }: Pick<Conflict, 'kind' | 'resolution' | 'rule'>,
): Conflict {
  const { table, key, incoming, version } = change;
  return {
    kind,
    resolution,
    rule,
    sync: table.contested?.sync ?? '',
    table,
    key: rowImage(
      key.map(({ name }) => name),
      incoming.key,
    ),
    local: other && side(table, other, () => otherRow),
    remote: side(table, version, () => rowThatCame(change)),
  };
}

function side(
  { columns, contested }: TargetTable,
  version: Version,
  valuesOf: () => readonly Value[] | undefined,
): ConflictSide {
  return {
    version,
    row: () => {
      const values = valuesOf();
      const names = columns.map(({ name }) => name);
      // What a person is to decide on must be whole.
      const characters = contested?.pauses ? Number.POSITIVE_INFINITY : undefined;
      return values && rowImage(names, values, characters);
    },
  };
}

/** As it was sent; what a person is to decide on as it was completed, or no row. */
function rowThatCame({ table, incoming }: RowChanged): readonly Value[] | undefined {
  const pauses = table.contested?.pauses;
  if (incoming.kind === 'delete' || (pauses && incoming.gone)) return undefined;
  const { values } = (pauses ? undefined : incoming.sent) ?? incoming.row;
  return table.columns.map(({ index }) => values[index] ?? null);
}

/** Two rows that want one value of a unique key. */
export function conflictOfClash({ rival, rivals, resolution, ...change }: Clash): Conflict {
  const single = change.incoming.kind === 'insert' ? 'insert_exists' : 'update_exists';
  const kind = rivals > 1 ? 'multiple_unique_conflicts' : single;
  return conflictBetween(change, rival.version, rival.row, { kind, resolution, rule: 'claim' });
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
