// Many facts in one round trip, with their types: the server makes one JSON object of them.
import type { Session } from '../../../postgres/session.ts';

/** For a query that gives one row with one column, `json`. 64-bit numbers must be cast to text. */
export async function readJson<T>(
  session: Session,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T> {
  const { json } = await session.one<{ json: string }>(sql, values);
  return JSON.parse(json) as T;
}
