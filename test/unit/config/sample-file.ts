import type { Config } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { parseConfig } from '../../../src/config/parse-config.ts';

const lines = [
  'databases:',
  '  a: { host: a.example.com, dbname: app, user: replicator }',
  '  b: { host: b.example.com, dbname: app, user: replicator }',
  'relgroups:',
  '  r: { tables: [public.*] }',
  'dbgroups:',
  '  g: { a: source, b: source }',
  'syncs:',
  '  s: { relgroup: r, dbgroup: g }',
];

/** A small, sound file with some of its lines changed, or with more of them; lines count from 1. */
export function sampleFile(changes: Readonly<Record<number, string>> = {}): string {
  const changed = [...lines];
  for (const [line, text] of Object.entries(changes)) changed[Number(line) - 1] = text;
  return `${changed.join('\n')}\n`;
}

type Env = Readonly<Record<string, string>>;

export function parse(text: string, env: Env = {}): Config {
  return parseConfig(text, { file: 'replicator.yaml', env, isPublic: false });
}

export function problemsOf(text: string, env: Env = {}): readonly string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
