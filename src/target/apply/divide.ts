// Where a trouble lies is found by trying again with less at a time.

/** Among so few changes it is not looked for: that takes about as many round trips as one for each of them. */
const few = 16;

/** One row among 10,000 is found in three rounds, and all but a sixteenth of them are done after the first. */
const pieces = 16;

export function isWorthDividing(changes: number): boolean {
  return changes > few;
}

/** Consecutive pieces of about one size, so many or one for each item. */
export function divide<T>(items: readonly T[]): (readonly T[])[] {
  const size = Math.max(1, Math.ceil(items.length / pieces));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/**
 * Whether batches are divided. Each piece is a transaction with all that belongs to one, so where more than an eighth of
 * them turn out to be troubled it is in vain, and larger batches go with care as a whole, until it is quiet again.
 */
export class Division {
  /** Batches of no more changes go with care as a whole. */
  #care = few;

  isWorthIt(changes: number): boolean {
    return changes > this.#care;
  }

  /** So many of the pieces of a batch went with care, or were divided. */
  found(troubled: number, of: number): void {
    if (troubled > 1 && troubled > of / 8) this.#care *= 4;
  }

  /** A batch that is no piece of another went without. */
  wasNotNeeded(changes: number): void {
    if (changes > few) this.#care = Math.max(few, this.#care / 4);
  }
}
