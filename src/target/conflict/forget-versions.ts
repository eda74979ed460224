// Tombstones and manifests are kept for as long as a change can still come that is older: until every
// source, the database's own stream among them, has been seen past them.
import { latenessMs } from '../../model/version.ts';
import type { Statement } from '../../postgres/statement-group.ts';

export function forgetVersions(sources: readonly string[]): Statement {
  return {
    name: 'forget_versions',
    text: 'select replicator.forget($1, $2)',
    values: [`{${sources.join(',')}}`, `${latenessMs} ms`],
  };
}
