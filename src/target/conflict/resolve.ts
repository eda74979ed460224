// The rule by which all sources of a group end with the same rows, for any order in which their
// changes arrive. Pure: what is there is looked up before, and what follows is carried out after.
// The sets of the fast path (guarded-statements.ts) are this rule as predicates, never more permissive.
import { compareVersions, isOlder, type Version } from '../../model/version.ts';

export interface Incoming {
  /** An update is a write of the whole row: what was not sent is filled in before. */
  readonly kind: 'write' | 'delete';
  readonly version: Version;
}

/** What the target has under the key of an incoming change. */
export interface Present {
  /** Of the row; `own batch`: the transaction that applies has written it, as the same source. */
  readonly row: Version | 'own batch' | undefined;
  /** The greatest version of a delete of this key. */
  readonly tombstone: Version | undefined;
}

export interface Resolution {
  readonly action: 'write' | 'delete' | 'keep';
  /** A tombstone to be written, whatever becomes of the row. */
  readonly bury: Version | undefined;
}

/**
 * A change of another database. The order of one source's own changes is its stream's, whatever its
 * clock says; between sources the greater version stays.
 */
export function resolve({ kind, version }: Incoming, { row, tombstone }: Present): Resolution {
  const bury = kind === 'delete' ? version : undefined;
  if (row === undefined) {
    const beaten = kind === 'delete' || isOlder(version, tombstone);
    return { action: beaten ? 'keep' : 'write', bury };
  }
  const wins =
    row === 'own batch' || row.rank === version.rank || compareVersions(row, version) < 0;
  return { action: wins ? kind : 'keep', bury };
}

/** What is there for the next change of the row by the same source, once this one is carried out. */
export function afterwards({ row, tombstone }: Present, { action, bury }: Resolution): Present {
  const gone = action === 'delete' ? undefined : row;
  return {
    row: action === 'write' ? 'own batch' : gone,
    tombstone: bury === undefined || isOlder(bury, tombstone) ? tombstone : bury,
  };
}

/**
 * A change of the database itself, read late from its own stream: it is in the table already, unless
 * something newer is. Only what it met without knowing is settled here: a delete leaves its tombstone,
 * and a write goes that a delete from elsewhere, which arrived before it, has beaten.
 */
export function resolveOwn({ kind, version }: Incoming, { row, tombstone }: Present): Resolution {
  const bury = kind === 'delete' ? version : undefined;
  // In one's own stream versions always decide.
  const stays = row === undefined || row === 'own batch' || !isOlder(row, bury ?? tombstone);
  return { action: stays ? 'keep' : 'delete', bury };
}
