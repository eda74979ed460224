// zod's findings in the user's words.
import type * as z from 'zod';
import { didYouMean, nearestName } from './did-you-mean.ts';
import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import { nameLabel, type Path, pathLabel } from './label.ts';
import type { Place } from './parse-yaml.ts';
import { placeAt, type Report } from './report.ts';

/** Sentences for what the schema itself has no message for. */
export const issueMessage: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' ? `must be ${kinds[issue.expected] ?? issue.expected}` : undefined;

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  array: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (name: …)',
};

/** What people write who come from elsewhere; applied only where the meant key exists. */
const otherWords = new Map([
  ['database', 'dbname'],
  ['db', 'dbname'],
  ['hostname', 'host'],
  ['username', 'user'],
  ['ssl', 'sslmode'],
  ['dsn', 'url'],
  ['nodes', 'databases'],
  ['herds', 'relgroups'],
  ['herd', 'relgroup'],
  ['include', 'tables'],
  ['onetimecopy', 'initial_copy'],
]);

const secretKeys = new Set(['password', 'url']);

export function describeIssue(issue: z.core.$ZodIssue, root: Place, report: Report): void {
  const { path } = issue;
  const { place, found } = placeAt(root, path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    for (const key of issue.keys) report([...path, key], unknownKey(key, known), 'key');
  } else if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message;
    report(path, `the name ${nameLabel(String(path.at(-1)))} ${message}`, 'key');
  } else if (!found) {
    const owner = path.length > 1 ? `${pathLabel(path.slice(0, -1))}: ` : '';
    report(path, `${owner}missing key "${String(path.at(-1))}"`);
  } else if (!place.mistaken) {
    const what = place.kind === 'nothing' ? 'has no value' : phrase(issue, place);
    report(path, path.length === 0 ? `the file ${what}` : `${pathLabel(path)} ${what}`);
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = otherWords.get(key);
  const hint =
    meant !== undefined && known.includes(meant)
      ? ` (did you mean "${meant}"?)`
      : didYouMean(key, known);
  return `unknown key ${nameLabel(key)}${hint}`;
}

/** Says what was found instead, unless it is secret or the message explains it already. */
function phrase(issue: z.core.$ZodIssue, place: Place): string {
  const { message, path } = issue;
  if (!message.startsWith('must ') || secretKeys.has(String(path.at(-1)))) return message;
  // Text in the place of a mapping or a list may be anything, a connection string for one.
  const isMisplaced = /^must be a (mapping|list)/.test(message);
  const instead = isMisplaced && place.kind === 'text' ? 'text' : place.shown;
  return `${message}, not ${instead}${suggestion(issue, place)}`;
}

function suggestion(issue: z.core.$ZodIssue, { data, fromEnvironment }: Place): string {
  const isWord = issue.code === 'invalid_value' && typeof data === 'string' && !fromEnvironment;
  const nearest = isWord ? nearestName(data, issue.values.map(String)) : undefined;
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
}

function knownKeys(path: Path): string[] {
  const { properties } = path.reduce(schemaAt, configJsonSchema());
  return Object.keys(properties ?? {});
}

function schemaAt({ properties, additionalProperties }: JsonSchema, step: PropertyKey): JsonSchema {
  const otherwise = typeof additionalProperties === 'object' ? additionalProperties : {};
  return properties?.[String(step)] ?? otherwise;
}
