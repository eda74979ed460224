// Columns of many rows as text[] parameters, without a string of any value: a tuple and an array have the
// same form for a value, its length and its bytes, so both are copied at once. Row by row, as that is how
// the values lie in memory.
import { copyBytes } from '../../model/copy-bytes.ts';
import { sizeAt, type Tuple, tags } from '../../model/tuple.ts';
import { headerBytes, notSent, writeHeader } from './text-array.ts';

/** Of -1, in place of a length. */
const nullLength = Buffer.alloc(4, 255);

/** Where its values are in a tuple. */
interface Column {
  readonly index: number;
}

/** An array per column, in the order of `columns`. Throws INTERNAL for a value that was not sent. */
export function encodeColumns(rows: readonly Tuple[], columns: readonly Column[]): Buffer[] {
  const slots = slotsOf(rows, columns);
  const { sizes, hasNull } = measure(rows, slots, columns.length);
  let total = 0;
  for (const size of sizes) total += size;
  const all = Buffer.allocUnsafe(total);
  const arrays: Buffer[] = [];
  let end = 0;
  for (const [slot, size] of sizes.entries()) {
    const array = all.subarray(end, end + size);
    end += size;
    writeHeader(array, rows.length, hasNull[slot] as number);
    arrays.push(array);
  }
  fill(arrays, rows, slots);
  return arrays;
}

/**
 * By column: which array it goes into; -1 for none. No typed arrays here: for a single row it would take longer to make
 * them than to fill them.
 */
function slotsOf(rows: readonly Tuple[], columns: readonly Column[]): number[] {
  const { length } = rows[0] ?? { length: 0 };
  const slots = new Array<number>(length).fill(-1);
  for (const [slot, { index }] of columns.entries()) slots[index] = slot;
  if (rows.some((row) => row.length !== length) || columns.some(({ index }) => index >= length))
    throw notSent();
  return slots;
}

function measure(
  rows: readonly Tuple[],
  slots: readonly number[],
  count: number,
): { sizes: number[]; hasNull: number[] } {
  const sizes = new Array<number>(count).fill(headerBytes);
  const hasNull = new Array<number>(count).fill(0);
  for (const { bytes, start } of rows) {
    let offset = start;
    for (let column = 0; column < slots.length; column += 1) {
      const size = sizeAt(bytes, offset);
      const slot = slots[column] as number;
      if (slot >= 0) {
        const tag = bytes[offset];
        if (tag === tags.unchanged) throw notSent();
        if (tag === tags.null) hasNull[slot] = 1;
        (sizes[slot] as number) += tag === tags.null ? nullLength.length : size - 1;
      }
      offset += size;
    }
  }
  return { sizes, hasNull };
}

function fill(arrays: readonly Buffer[], rows: readonly Tuple[], slots: readonly number[]): void {
  const ends = new Array<number>(arrays.length).fill(headerBytes);
  for (const { bytes, start } of rows) {
    let offset = start;
    for (let column = 0; column < slots.length; column += 1) {
      const next = offset + sizeAt(bytes, offset);
      const slot = slots[column] as number;
      if (slot >= 0) {
        const array = arrays[slot] as Buffer;
        const end = ends[slot] as number;
        const isNull = bytes[offset] === tags.null;
        ends[slot] = isNull
          ? copyBytes(nullLength, 0, nullLength.length, array, end)
          : copyBytes(bytes, offset + 1, next, array, end);
      }
      offset = next;
    }
  }
}
