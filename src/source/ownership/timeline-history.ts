// Which timelines a source has come through, asked as standbys ask for it.
// https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-TIMELINE-HISTORY
import type pg from 'pg';
import type { DatabaseConfig } from '../../config/config.ts';
import { type Lineage, parseTimelineHistory, type TimelineHistory } from '../../model/timeline.ts';
import { clientConfig } from '../../postgres/client-config.ts';
import { connectError } from '../../postgres/connect-error.ts';
import { newClient } from '../../postgres/new-client.ts';
import { fromPostgres, sqlstateOf } from '../../postgres/sqlstate.ts';

/** The history is asked of the source only when somebody needs it, and once. */
export function lineageOf(
  database: DatabaseConfig,
  timeline: bigint,
  owners: Lineage['owners'],
): Lineage {
  let history: TimelineHistory | undefined;
  return {
    owners,
    timeline,
    async leftAt(earlier) {
      history ??= await readTimelineHistory(database, timeline);
      return history.get(earlier);
    },
  };
}

/** Empty when the server does not have its history any more: then nothing is known. */
async function readTimelineHistory(
  database: DatabaseConfig,
  timeline: bigint,
): Promise<TimelineHistory> {
  if (timeline === 1n) return new Map();
  const config = await clientConfig(database, { purpose: 'control', name: database.name });
  const client = newClient({ ...config, replication: 'database' } as pg.ClientConfig);
  await client.connect().catch((error) => {
    throw connectError(error, database);
  });
  try {
    const { rows } = await client.query(`TIMELINE_HISTORY ${timeline}`);
    return parseTimelineHistory(textOf(rows[0]?.content));
  } catch (error) {
    // 58P01 undefined_file: it was removed.
    if (sqlstateOf(error) === '58P01') return new Map();
    throw fromPostgres(error, `${database.name} (control)`);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Declared as bytea up to 14 and as text since, but never written as bytea is. */
function textOf(content: unknown): string {
  return Buffer.isBuffer(content) ? content.toString('utf8') : String(content ?? '');
}
