// Names in the file that stand for another entry of it. Works on the file as it is, so that an
// entry that is wrong otherwise hides nothing.
import { didYouMean } from './did-you-mean.ts';
import { nameLabel } from './label.ts';
import type { Place } from './parse-yaml.ts';
import type { Report } from './report.ts';
import type { Section } from './schema.ts';

export function checkReferences(root: Place, report: Report): void {
  const entries = (section: Section) => root.children.get(section)?.children ?? new Map();
  const names = (section: Section): string[] => [...entries(section).keys()];
  for (const [dbgroup, place] of entries('dbgroups')) {
    checkMembers(dbgroup, place, names('databases'), report);
  }
  for (const [sync, place] of entries('syncs')) {
    checkName(sync, place, 'relgroup', names('relgroups'), report);
    checkName(sync, place, 'dbgroup', names('dbgroups'), report);
  }
}

function checkMembers(
  dbgroup: string,
  { kind, children }: Place,
  databases: readonly string[],
  report: Report,
): void {
  if (kind !== 'mapping' || databases.length === 0) return;
  const path = ['dbgroups', dbgroup];
  for (const name of children.keys()) {
    if (databases.includes(name)) continue;
    report(
      [...path, name],
      `unknown database ${nameLabel(name)}${didYouMean(name, databases)}`,
      'key',
    );
  }
  if (children.size < 2) {
    report(path, `dbgroups.${dbgroup} must have at least two databases`, 'key');
  } else if ([...children.values()].every(({ data }) => data === 'target')) {
    report(path, `dbgroups.${dbgroup} must have at least one source`, 'key');
  }
}

function checkName(
  sync: string,
  { children }: Place,
  key: 'relgroup' | 'dbgroup',
  known: readonly string[],
  report: Report,
): void {
  const { data, shown } = children.get(key) ?? {};
  // A whole section that is missing is told once, not by each that needs it.
  if (known.length === 0 || typeof data !== 'string' || data === '') return;
  if (known.includes(data)) return;
  report(['syncs', sync, key], `unknown ${key} ${shown}${didYouMean(data, known)}`);
}
