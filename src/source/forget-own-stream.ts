// A database that the file had as one of several sources, and has as the only one now, has no stream of its own any
// more. Nothing holds the slot for that, so it is made anew where the slot stands, should it come back: from where it
// stood it would have missed something, and wait for a person for ever.
import { noteAbsentSources } from '../postgres/absent-sources.ts';
import { endBackend } from '../postgres/end-backend.ts';
import { originFunctions } from '../postgres/origin-functions.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';
import { giveUpCopy } from './slot-copies.ts';

/** For the owner: of another process, whose file has it, it holds the slot. */
export async function forgetOwnStream(owner: OwnerSession): Promise<void> {
  const { session } = owner;
  const { name } = session.database;
  if (!(await schemaExists(session))) return;
  const [own] = await session.query<{ pid: string | null; start: string | null }>(
    `select backend_pid::text as pid, backend_start::text as start
     from replicator.progress where source = $1`,
    [name],
  );
  // Most have had none, and who only reads a database need not be allowed to drop origins.
  if (own === undefined) return;
  // Of a process that is frozen: it has the origin.
  const { pid, start } = own;
  if (pid !== null && start !== null) await endBackend(session, { pid, start });
  await giveUpCopy(owner, name);
  const functions = await originFunctions(session);
  await asOwner(owner, async () => {
    await noteAbsentSources(session, [name]);
    await session.query(
      `with gone as (delete from replicator.progress where source = $1 returning origin),
         unknown as (delete from replicator.subscriptions where target = $1)
       select ${functions}drop(origin) from gone`,
      [name],
    );
  });
}
