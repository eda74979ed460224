// A table that joins after its source was set up must be published first.
import { ReplicatorError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { endOfWal } from '../postgres/end-of-wal.ts';
import { quoteIdentifier, quoteTable } from '../postgres/identifiers.ts';
import { publicationName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';
import { isEmpty } from './rows-there.ts';

const lockTimeoutMs = 2_000;

/**
 * Adds the table unless it is published already. Without a copy there must be no moment in which a
 * row is written that nobody sees: writers wait for a moment, and the position given back lies
 * before everything that they write next. Undefined: not added, as it holds rows.
 * Throws LOCK_TIMEOUT while somebody writes for long, and PUBLICATION_CHANGED where there is no publication.
 */
export async function addToPublication(
  source: Session,
  table: TableName,
  how: 'without a lock' | { readonly onlyIfEmpty: boolean },
): Promise<Lsn | undefined> {
  const publication = publicationName(source.database.name);
  return await source.transaction(async () => {
    if (how !== 'without a lock') {
      // Whoever wants to write waits behind us for as long as we wait.
      await source.query(`set local lock_timeout = '${lockTimeoutMs}ms'`);
      await source.query(`lock table ${quoteTable(table)} in share mode`);
      if (how.onlyIfEmpty && !(await isEmpty(source, table))) return undefined;
    }
    const published = await publishedTables(source, publication);
    if (!published.some((other) => tableLabel(other) === tableLabel(table)))
      await source
        .query(
          `alter publication ${quoteIdentifier(publication)} add table only ${quoteTable(table)}`,
        )
        .catch((error: unknown) => {
          throw asDropped(error);
        });
    return await endOfWal(source);
  });
}

/** 42704 undefined_object: nobody was reading when it was dropped, so no watch of the stream has told it. */
function asDropped(error: unknown): unknown {
  if (!(error instanceof ReplicatorError) || error.sqlstate !== '42704') return error;
  return new ReplicatorError('PUBLICATION_CHANGED', error.message, { sqlstate: '42704' });
}
