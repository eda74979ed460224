// How many rows go into one statement.
import type { Tuple, Value } from '../../model/tuple.ts';

/** Enough that the cost per statement vanishes, and few enough to keep a statement's memory low. */
const rowsPerStatement = 1_000;
const bytesPerStatement = 4 * 1024 * 1024;

/** `sizeOf`: about how many bytes of values an item has. */
export function slices<T>(items: readonly T[], sizeOf: (item: T) => number): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  let start = 0;
  let bytes = 0;
  items.forEach((item, i) => {
    const size = sizeOf(item);
    if (i > start && (i - start >= rowsPerStatement || bytes + size > bytesPerStatement)) {
      found.push(items.slice(start, i));
      start = i;
      bytes = 0;
    }
    bytes += size;
  });
  if (start < items.length) found.push(start === 0 ? items : items.slice(start));
  return found;
}

export function sizeOfRow({ row }: { readonly row: Tuple }): number {
  return row.size;
}

export function sizeOfKey({ key }: { readonly key: readonly Value[] }): number {
  return sizeOfValues(key);
}

export function sizeOfValues(values: readonly Value[]): number {
  let size = 0;
  for (const value of values) if (typeof value === 'string') size += value.length;
  return size;
}
