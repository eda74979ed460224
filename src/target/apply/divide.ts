// Where a trouble lies is found by trying again with less at a time.

/** One row among 10,000 is found in four rounds, and all but a sixteenth of them are done after the first. */
const pieces = 16;

/** Consecutive pieces of about one size, so many or one for each item. */
export function divide<T>(items: readonly T[]): (readonly T[])[] {
  const size = Math.max(1, Math.ceil(items.length / pieces));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
