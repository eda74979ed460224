// Everything that is wrong with a file, as lines in the file's order:
// `replicator.yaml:12:5: unknown key "hots" (did you mean "host"?)`.
import type { Path } from './label.ts';
import type { Place } from './parse-yaml.ts';
import type { Mistake } from './syntax-mistake.ts';

/** The place at the path, or the nearest one above it that is in the file. */
export function placeAt(root: Place, path: Path): { place: Place; found: boolean } {
  let place = root;
  for (const step of path) {
    const child = place.children.get(String(step));
    if (child === undefined) return { place, found: false };
    place = child;
  }
  return { place, found: true };
}

/** Notes a problem by path; `problemLines` makes lines of them. */
export type Report = (path: Path, message: string, part?: 'key' | 'value') => void;

export function reportInto(mistakes: Mistake[], root: Place): Report {
  return (path, message, part = 'value') => {
    const { place, found } = placeAt(root, path);
    // What is missing is missed where its owner is named.
    const offset = part === 'value' && found ? place.valueOffset : place.keyOffset;
    mistakes.push({ offset, message });
  };
}

export function problemLines(file: string, text: string, mistakes: readonly Mistake[]): string[] {
  const sorted = mistakes.toSorted((a, b) => a.offset - b.offset);
  const lines = sorted.map(({ offset, message }) => {
    const before = text.slice(0, offset).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    return `${file}:${before.length}:${column}: ${oneLine(message)}`;
  });
  // An alias brings the same problem again.
  return [...new Set(lines)];
}

/** The words after `:?` in a reference may hold anything. */
const oneLine = (message: string): string =>
  message.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
