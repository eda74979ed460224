// A target may get another name in the file. Which database it was a source knows, so what it keeps for that goes on under
// the new name: its slot too, which cannot get another name itself.
import type { DatabaseIdentity } from '../postgres/server-facts.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';

/** One transaction, by the owner, who alone reads and drops the slots. */
export async function renameTarget(
  owner: OwnerSession,
  name: string,
  { systemIdentifier, databaseOid }: DatabaseIdentity,
): Promise<void> {
  const { session } = owner;
  await asOwner(owner, async () => {
    const [known] = await session.query(
      `select target from replicator.subscriptions
       where system_identifier = $1 and database_oid = $2 and target <> $3`,
      [systemIdentifier, databaseOid, name],
    );
    if (known === undefined) return;
    const names = [known['target'], name];
    // Where it was away at first, a copy was made for the new name, as for any target. Its own is older, and holds more;
    // and one whose place was given up has none.
    await session.query(
      `delete from replicator.slots where target = $2 and exists (
         select from replicator.slots where target = $1 and state = 'created'
         union all
         select from replicator.subscriptions where target = $1 and given_up_at is not null)`,
      names,
    );
    await session.query(
      `update replicator.slots set target = $2 where target = $1 and state = 'created'`,
      names,
    );
    await session.query('update replicator.subscriptions set target = $2 where target = $1', names);
    await session.query('update replicator.differences set other = $2 where other = $1', names);
  });
}
