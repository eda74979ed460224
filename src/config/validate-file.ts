// The schema applied to the user's file, and what is left of it when a part is wrong.
import type * as z from 'zod';
import { describeIssue, issueMessage } from './describe-issue.ts';
import type { Place } from './parse-yaml.ts';
import type { Report } from './report.ts';
import { type ConfigFile, configSchema, sections } from './schema.ts';

/**
 * Entries that are wrong are noted and left out, so that the rest can be checked further and one
 * run finds everything. Undefined when nothing can be made of the file.
 */
export function validateFile(root: Place, report: Report): ConfigFile | undefined {
  for (const section of sections) {
    const place = root.children.get(section);
    if (place?.kind === 'mapping' && place.children.size === 0) {
      report([section], `${section} must not be empty`, 'key');
    }
  }
  const { data, error } = configSchema.safeParse(root.data, { error: issueMessage });
  if (error === undefined) return data;
  for (const issue of error.issues) describeIssue(issue, root, report);
  return configSchema.safeParse(soundPart(root.data, error.issues)).data;
}

function soundPart(data: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const entries: [string, unknown][] = [
    ...sections.map((section): [string, unknown] => [section, {}]),
    ...Object.entries(structuredClone(data)),
  ];
  const sound = new Map(entries);
  for (const { path, ...issue } of issues) {
    const unknown = issue.code === 'unrecognized_keys' && path.length === 0 ? issue.keys : [];
    for (const key of unknown) sound.delete(key);
    const [section, name] = path.map(String);
    if (section === undefined) continue;
    if (!isSection(section)) sound.delete(section);
    else if (name === undefined) sound.set(section, {});
    else delete (sound.get(section) as Record<string, unknown>)[name];
  }
  return Object.fromEntries(sound);
}

function isSection(key: string): boolean {
  return (sections as readonly string[]).includes(key);
}
