// With which code `replicator check` ends: sysexits where they say more than 1.
import { errorKinds } from '../../model/errors.ts';
import type { Finding } from './finding.ts';

const unreachable = 69;
const noPermission = 77;

/** What hides most goes first: a database that cannot be asked, then one that says too little. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 69 | 77 | 78 {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const hasKind = (exitCode: number) =>
    errors.some(({ code }) => errorKinds[code].exitCode === exitCode);
  if (hasKind(unreachable)) return 69;
  if (hasKind(noPermission)) return 77;
  // The file does not fit: what it says of a connection, or of syncs and tables.
  if (errors.some(({ category }) => category === 'connection' || category === 'configuration'))
    return 78;
  return findings.some(({ severity }) => severity !== 'notice') ? 1 : 0;
}
