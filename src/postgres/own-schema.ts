import type { Session } from './session.ts';

/** Whether schema `replicator` is there: it is made whole, in one transaction. */
export async function schemaExists(session: Session): Promise<boolean> {
  const { found } = await session.one(
    `select (to_regclass('replicator.installation') is not null)::text as found`,
  );
  return found === 'true';
}
