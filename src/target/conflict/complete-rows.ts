// Where several databases write, a row is written whole: what an update did not send is what its
// source has, not what happens to be here, which may be older than the source's. If the source has
// changed it since, all of the row is taken from there, not some from each: that newer change is still
// to come, and until then, or if a user writes on top of it here, the row must not be of two versions.
import { Tuple, unchanged } from '../../model/tuple.ts';
import type { FetchedRow, FetchRows } from '../apply/fetch-rows.ts';
import { sizeOfValues } from '../apply/slices.ts';
import type { RowDelete, RowWrite } from '../apply/step.ts';
import type { TargetTable } from '../apply/target-table.ts';

export interface CompletedRows {
  /** But for columns that the source has no more. */
  readonly whole: RowWrite[];
  /**
   * Gone at the source, whose delete is on the way: deleted with the version of the write. The row, as
   * far as it was sent, still takes its values of unique keys.
   */
  readonly gone: RowWrite[];
}

/** So many bytes of fetched values at a time: a row may hold a gigabyte of them. */
const enoughBytes = 1024 * 1024;
/** Few of these are there, so that little is fetched. */
const deletesAtOnce = 1_000;

export function isIncomplete({ row }: RowWrite): boolean {
  return row.partial;
}

/** In pieces, each small enough to be held in memory; `writes` must all be incomplete. */
export async function* completeRows(
  table: TargetTable,
  writes: readonly RowWrite[],
  fetch: FetchRows,
): AsyncGenerator<CompletedRows> {
  let count = 1;
  for (let start = 0; start < writes.length; ) {
    const piece = writes.slice(start, start + count);
    start += piece.length;
    const present = await fetch(table, piece.map(keyOf));
    const bytes = present.reduce((sum, row) => sum + sizeOfValues(row ?? []), 0);
    count = bytes < enoughBytes ? count * 2 : Math.max(1, Math.floor(count / 2));
    const whole = piece.flatMap((write, i) => fill(table, write, present[i]));
    const gone = piece
      .filter((_, i) => present[i] === undefined)
      .map((write) => ({ ...write, gone: true as const }));
    yield { whole, gone };
  }
}

/**
 * But for what it claims: a value of a unique key goes with the change that brought it. So does one of a column that
 * the source has no more.
 */
function fill(table: TargetTable, write: RowWrite, present: FetchedRow | undefined): RowWrite[] {
  if (present === undefined) return [];
  const claimed = [...(table.key ?? []), ...table.uniques.flatMap(({ columns }) => columns)];
  const sent = new Set(claimed.map(({ index }) => index));
  const values = write.row.values.map((value, i) =>
    value === unchanged || !(sent.has(i) || present[i] === unchanged)
      ? (present[i] ?? null)
      : value,
  );
  return [{ ...write, row: Tuple.of(values), sent: write.row }];
}

/** Those whose row has come back at the source are as good as undone. */
export async function withoutPresent(
  table: TargetTable,
  deletes: readonly RowDelete[],
  fetch: FetchRows,
): Promise<RowDelete[]> {
  const gone: RowDelete[] = [];
  for (let start = 0; start < deletes.length; start += deletesAtOnce) {
    const piece = deletes.slice(start, start + deletesAtOnce);
    const present = await fetch(table, piece.map(keyOf));
    gone.push(...piece.filter((_, i) => present[i] === undefined));
  }
  return gone;
}

function keyOf({ key }: Pick<RowWrite, 'key'>): (string | null)[] {
  return key.map((value) => (value === unchanged ? null : value));
}
