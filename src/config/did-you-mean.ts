// The second half of "unknown key" and "unknown name" messages.
import { looksLikeName } from './label.ts';

const mostNamesListed = 14;

/** ` (did you mean "host"?)`, or what there is to choose from when nothing is near. */
export function didYouMean(word: string, names: readonly string[]): string {
  const known = names.filter(looksLikeName);
  const nearest = nearestName(word, known);
  if (nearest !== undefined) return ` (did you mean "${nearest}"?)`;
  if (known.length === 0 || known.length > mostNamesListed) return '';
  return ` (known: ${known.join(', ')})`;
}

export function nearestName(word: string, known: readonly string[]): string | undefined {
  const plainWord = plain(word);
  // `initialCopy` and `initial-copy` mean initial_copy, however many characters differ.
  const same = known.find((name) => plain(name) === plainWord);
  if (same !== undefined) return same;
  const near = known
    .map((name) => ({ name, distance: editDistance(plainWord, plain(name)) }))
    .filter(({ name, distance }) => distance <= tolerance(Math.max(name.length, word.length)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near?.name ?? known.find((name) => isBeginning(plainWord, plain(name)));
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Two or three characters always look alike; half of a long word must not. */
const tolerance = (length: number): number =>
  length < 3 ? 0 : Math.max(1, Math.floor(length / 4));

/** `pass` for password, `conflict_strategy` for conflict. */
function isBeginning(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 4 && (a.startsWith(b) || b.startsWith(a));
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
