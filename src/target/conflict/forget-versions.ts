// Tombstones and manifests are kept for as long as a change can still come that is older: until every
// source, the database's own stream among them, has been seen past them.
import type { Statement } from '../../postgres/statement-group.ts';

/**
 * How much older than what was seen of its source a change can still be: clocks differ, and the time
 * of a commit is taken before its place in the stream, by however long a disk keeps it waiting.
 */
const margin = '10 min';

export function forgetVersions(sources: readonly string[]): Statement {
  return {
    name: 'forget_versions',
    text: 'select replicator.forget($1, $2)',
    values: [`{${sources.join(',')}}`, margin],
  };
}
