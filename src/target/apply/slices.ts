// How many rows go into one statement.

/** Enough that the cost per statement vanishes, and few enough to keep a statement's memory low. */
const rowsPerStatement = 1_000;
const bytesPerStatement = 4 * 1024 * 1024;

export function* slices<T>(
  items: readonly T[],
  valuesOf: (item: T) => readonly unknown[],
): Generator<readonly T[]> {
  let start = 0;
  let bytes = 0;
  for (const [i, item] of items.entries()) {
    const size = sizeOf(valuesOf(item));
    if (i > start && (i - start >= rowsPerStatement || bytes + size > bytesPerStatement)) {
      yield items.slice(start, i);
      start = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < items.length) yield items.slice(start);
}

function sizeOf(values: readonly unknown[]): number {
  let size = 0;
  for (const value of values) if (typeof value === 'string') size += value.length;
  return size;
}
