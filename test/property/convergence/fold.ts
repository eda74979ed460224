// One image per key: what a transaction, or a whole batch, makes of each row that it changes.
import type { Change, Sent } from './database.ts';

export type RowChange = Exclude<Change, { kind: 'truncate' }>;

/** Deletes first; a later image over an earlier one, which keeps what it did not carry. */
export function fold(changes: readonly Change[]): Change[] {
  const last = new Map<string, RowChange>();
  const deleted = new Set<string>();
  const whole: Change[] = [];
  for (const change of changes) {
    if (change.kind === 'truncate') {
      // It ends what came before it.
      last.clear();
      deleted.clear();
      whole.push(change);
      continue;
    }
    if (change.kind === 'delete') deleted.add(change.key);
    last.set(change.key, over(last.get(change.key), change));
  }
  const deletes = [...deleted].map((key) => ({ kind: 'delete', key }) as const);
  const writes = [...last.values()].filter(({ kind }) => kind !== 'delete');
  return [...whole, ...deletes, ...writes];
}

function over(earlier: RowChange | undefined, later: RowChange): RowChange {
  if (later.kind === 'delete' || earlier === undefined || earlier.kind === 'delete') return later;
  return { kind: earlier.kind, key: later.key, row: rowOver(earlier.row, later.row) };
}

export function rowOver(earlier: Sent, later: Sent): Sent {
  return { ...later, a: later.a ?? earlier.a };
}
