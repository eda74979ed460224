// What is wrong with syncs not each by itself but together, as far as the file alone can tell.
import type { SyncConfig } from './config.ts';
import { relgroupsOverlap } from './match-tables.ts';
import { optionDifference } from './merge-syncs.ts';
import type { Report } from './report.ts';
import { feeds, sourcesOf } from './resolve-syncs.ts';

/** Two syncs that bring the same relgroup from one database to another must agree on how. */
export function checkAgreement(syncs: readonly SyncConfig[], report: Report): void {
  for (const [i, second] of syncs.entries()) {
    for (const first of syncs.slice(0, i)) {
      const difference = optionDifference(first, second);
      if (first.relgroup.name !== second.relgroup.name || difference === undefined) continue;
      const [pair] = pairs(second).filter(([source, target]) => feeds(first, source, target));
      if (pair === undefined) continue;
      const { option, values } = difference;
      report(
        ['syncs', second.name, option],
        `syncs ${first.name} and ${second.name} both bring relgroup ${first.relgroup.name} from ${pair.join(' to ')} but differ in ${option} (${values.join(', ')})`,
      );
    }
  }
}

/**
 * A replicated row is not replicated again, or it would circle. So where a brings rows to b in one
 * sync and b brings the same tables to c in another, c would silently lack the rows of a.
 */
export function checkForwarding(syncs: readonly SyncConfig[], report: Report): void {
  for (const second of syncs) {
    const missing = new Set<string>();
    for (const first of syncs.filter((sync) => overlap(sync, second))) {
      const reaches = (source: string, target: string) =>
        syncs.some(
          (sync) => feeds(sync, source, target) && overlap(sync, first) && overlap(sync, second),
        );
      for (const [a, b] of pairs(first)) {
        for (const [, c] of pairs(second).filter(([source, c]) => source === b && c !== a)) {
          if (!reaches(a, c))
            missing.add(`rows of ${a} are not forwarded by ${b} to ${c}: ${remedy(a, second)}`);
        }
      }
    }
    for (const message of missing) report(['syncs', second.name], message, 'key');
  }
}

const overlap = (a: SyncConfig, b: SyncConfig): boolean => relgroupsOverlap(a.relgroup, b.relgroup);

function pairs({ members }: SyncConfig): [source: string, target: string][] {
  const targetsOf = (source: string) => [...members.keys()].filter((name) => name !== source);
  return sourcesOf(members).flatMap((source) =>
    targetsOf(source).map((target): [string, string] => [source, target]),
  );
}

function remedy(database: string, { members, dbgroup }: SyncConfig): string {
  return members.has(database)
    ? `make ${database} a source in dbgroup ${dbgroup}`
    : `add ${database} to dbgroup ${dbgroup} as a source`;
}
