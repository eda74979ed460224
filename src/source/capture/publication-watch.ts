// Our publication, looked at again and again while it is read: where it does not name a table any
// more, or not every operation, changes stay away without a word (up to PostgreSQL 17 a publication
// that is gone ends the stream, from 18 on it is a warning in the server's log).
import { ReplicatorError } from '../../model/errors.ts';
import { type TableName, tableLabel } from '../../model/relation.ts';
import type { Session } from '../../postgres/session.ts';
import type { Subscriber } from '../subscriber.ts';

interface Publication {
  /** Undefined when there is none of that name. */
  readonly oid: string | undefined;
  /** It sends inserts, updates, deletes and truncates, of partitions as of their table. */
  readonly whole: boolean;
  /** By their oid. */
  readonly members: ReadonlyMap<number, Member>;
}

interface Member extends TableName {
  readonly oid: number;
  /** Another one when the table was taken out and put in again. */
  readonly membership: string;
}

const publicationQuery = `
  select p.oid::text as oid,
    (p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate and p.pubviaroot)::text as whole,
    coalesce((select json_agg(json_build_object('oid', c.oid::bigint, 'schema', n.nspname,
                'name', c.relname, 'membership', r.oid::text))
              from pg_catalog.pg_publication_rel r
              join pg_catalog.pg_class c on c.oid = r.prrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where r.prpubid = p.oid), '[]')::text as members
  from pg_catalog.pg_publication p where p.pubname = $1`;

async function readPublication(session: Session, name: string): Promise<Publication> {
  const [row] = await session.query<{ oid: string; whole: string; members: string }>(
    publicationQuery,
    [name],
  );
  const members = JSON.parse(row?.members ?? '[]') as Member[];
  return {
    oid: row?.oid,
    whole: row?.whole === 'true',
    members: new Map(members.map((member) => [member.oid, member])),
  };
}

/**
 * Throws PUBLICATION_CHANGED when it is no longer the one of that oid, or does not send everything;
 * then also for good, since nobody can tell later what was not sent.
 */
async function expectPublication(
  session: Session,
  name: string,
  oid: string,
  now: Publication,
): Promise<void> {
  if (now.oid === oid && now.whole) return;
  await session.query('update replicator.slots set publication_oid = null');
  const what = now.oid === oid ? 'altered: not every operation is sent' : 'dropped or recreated';
  throw new ReplicatorError(
    'PUBLICATION_CHANGED',
    `${session.database.name}: publication ${name} was ${what}`,
  );
}

/** The table of one of the memberships that has left it, if only for a moment. */
function leftPublication(
  memberships: ReadonlyMap<number, string>,
  { members }: Publication,
): string | undefined {
  for (const [oid, membership] of memberships) {
    const member = members.get(oid);
    if (member === undefined) return `a table (oid ${oid})`;
    if (member.membership !== membership) return tableLabel(member);
  }
  return undefined;
}

interface Watched {
  /** Of the publication when the stream began. */
  readonly oid: string;
  readonly subscribers: () => Iterable<Subscriber>;
}

/**
 * What a stream did not send cannot be had from the slot any more, so it does not matter that
 * positions were confirmed meanwhile: what matters is that nobody takes the targets for complete.
 * Who altered the publication is told so at every later start as well, by its oid and by those of
 * its tables, which are remembered. Throws as `expectPublication`; refuses those that miss a table.
 */
export async function watchPublication(
  session: Session,
  name: string,
  { oid, subscribers }: Watched,
): Promise<void> {
  const now = await readPublication(session, name);
  await expectPublication(session, name, oid, now);
  for (const subscriber of subscribers()) {
    const left = leftPublication(subscriber.memberships, now);
    if (left === undefined) continue;
    const what = `${left} has left publication ${name}, if only for a moment`;
    const error = new ReplicatorError('PUBLICATION_CHANGED', `${session.database.name}: ${what}`, {
      hint: 'it misses changes and joins anew; what that takes is logged then, and in docs/how-to/fill-a-target-anew.md',
    });
    subscriber.refuse(error);
  }
}
