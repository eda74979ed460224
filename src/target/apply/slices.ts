// How many rows go into one statement.

/** Enough that the cost per statement vanishes, and few enough to keep a statement's memory low. */
const rowsPerStatement = 1_000;
const bytesPerStatement = 4 * 1024 * 1024;

export function slices<T>(
  items: readonly T[],
  valuesOf: (item: T) => readonly unknown[],
): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  let start = 0;
  let bytes = 0;
  items.forEach((item, i) => {
    const size = sizeOf(valuesOf(item));
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

function sizeOf(values: readonly unknown[]): number {
  let size = 0;
  for (const value of values) if (typeof value === 'string') size += value.length;
  return size;
}
