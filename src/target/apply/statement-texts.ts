// A statement is prepared once for a table, what is done to it and the columns that are sent; so its text and
// its name are made once too, which for small batches would be much of the work.
/** Gives each distinct SQL text of a connection a short name to prepare it under. */
export class StatementNames {
  readonly #names = new Map<string, string>();

  of(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `s${this.#names.size}`;
      this.#names.set(text, name);
    }
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
