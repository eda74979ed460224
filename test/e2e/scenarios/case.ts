// What a case of statements or of tables says; tables are found in the case's own schema, which is
// the search_path of everything.
import type { Major } from '../../support/postgres-binaries.ts';

export interface Side {
  readonly major: Major;
  readonly isSource: boolean;
}

export interface Case {
  readonly tables: string | ((side: Side) => string);
  /** On the source before the subscription begins, so that these rows are copied. */
  readonly before?: string;
  /** On the source, each one query: a transaction unless it says otherwise. `:schema` is the case's schema. */
  readonly steps: readonly string[];
  /** Versions of the source. */
  readonly since?: Major;
  readonly until?: Major;
  /** Queries on the target, and the rows that they must give, as text. */
  readonly there?: Readonly<Record<string, readonly string[]>>;
  /** Why it cannot be where several databases write to its tables. */
  readonly oneWriter?: string;
}

export const ddlOf = ({ tables }: Case, side: Side): string =>
  typeof tables === 'string' ? tables : tables(side);
