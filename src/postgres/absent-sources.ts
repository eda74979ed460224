// Where several databases write, what one deletes is remembered for as long as an older change of another can come. Of
// a source that the file does not have for a while nobody waits for such changes. Should it come back, what it had not
// sent by then meets databases that remember nothing of it: its own table says which of those rows are still there.
import { formatLsn, type Lsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import type { Session } from './session.ts';

/** Of a source that is not back yet, all that it will send. */
const everything = 'FFFFFFFF/FFFFFFFF';

/** On a target, for all that have sent it something and are not among those that the file lets send. */
export async function noteAbsentSources(
  target: Session,
  present: readonly string[],
): Promise<void> {
  const absent = `source <> all ($1) and unremembered_lsn is distinct from '${everything}'`;
  const rows = await target.query(`select from replicator.progress where ${absent} limit 1`, [
    present,
  ]);
  if (rows.length === 0) return;
  await target.query(
    `update replicator.progress set unremembered_lsn = '${everything}' where ${absent}`,
    [present],
  );
}

/**
 * Where the changes of a source end that others do not remember anything about; zero where there are none. Of one that
 * was absent until now it is where its WAL ends, which `endOfSource` is asked.
 */
export async function unrememberedUntil(
  target: Session,
  source: string,
  endOfSource: () => Promise<Lsn>,
): Promise<Lsn> {
  const { lsn } = await target.one<{ lsn: string | null }>(
    'select unremembered_lsn::text as lsn from replicator.progress where source = $1',
    [source],
  );
  if (lsn === null) return zeroLsn;
  if (lsn !== everything) return parseLsn(lsn);
  const end = await endOfSource();
  await target.query('update replicator.progress set unremembered_lsn = $2 where source = $1', [
    source,
    formatLsn(end),
  ]);
  return end;
}
