// A statement is prepared once for a table, what is done to it and the columns that are sent; so its text and
// its name are made once too, which for small batches would be much of the work.

/**
 * A server keeps some 200 kB for each. Most connections need a few, but the text also tells which columns are null or
 * were not sent, and of a table with twenty such columns there could be a million of them.
 */
const mostNames = 1_000;

/** Gives each distinct SQL text of a connection a short name to prepare it under. */
export class StatementNames {
  /** The one that was not asked for the longest comes first. */
  readonly #names = new Map<string, string>();

  of(text: string): string {
    const name = this.#names.get(text) ?? this.#free();
    this.#names.delete(text);
    this.#names.set(text, name);
    return name;
  }

  #free(): string {
    const [oldest] = this.#names;
    if (oldest === undefined || this.#names.size < mostNames) return `s${this.#names.size}`;
    const [text, name] = oldest;
    this.#names.delete(text);
    return name;
  }
}

const texts = new WeakMap<object, Map<string, string>>();

/** SQL that the table and `kind` decide. */
export function textOf(table: object, kind: string, make: () => string): string {
  const known = texts.get(table) ?? new Map<string, string>();
  texts.set(table, known);
  const text = known.get(kind) ?? make();
  known.set(kind, text);
  return text;
}
