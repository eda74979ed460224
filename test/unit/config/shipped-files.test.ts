import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { configJsonSchema, type JsonSchema } from '../../../src/config/json-schema.ts';
import { parse } from './sample-file.ts';

const folder = new URL('../../../config/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const template = 'replicator.yaml';

const subscriptions: Record<string, string[]> = {
  [template]: ['master_1:master_2', 'master_2:master_1'],
  'examples/two-masters.yaml': ['paris:tokyo', 'tokyo:paris'],
  'examples/three-master-mesh.yaml': [
    'paris:tokyo',
    'paris:lima',
    'tokyo:paris',
    'tokyo:lima',
    'lima:paris',
    'lima:tokyo',
  ],
  'examples/one-source-many-targets.yaml': ['main:reports', 'main:shop'],
  'examples/many-sources-one-target.yaml': ['branch_1:office', 'branch_2:office'],
};

test('no example is forgotten here', () => {
  const examples = readdirSync(new URL('examples/', folder)).map((name) => `examples/${name}`);
  expect([template, ...examples].sort()).toEqual(Object.keys(subscriptions).sort());
});

describe.each(Object.entries(subscriptions))('%s', (name, expected) => {
  test('is valid, without a warning and without any variable set', () => {
    const config = parse(read(name));
    expect(config.warnings).toEqual([]);
    expect(config.subscriptions.map(({ source, target }) => `${source}:${target}`)).toEqual(
      expected,
    );
  });

  test('names its schema for editors', () => {
    const schema = name.startsWith('examples/') ? '../' : './';
    expect(read(name).split('\n')[0]).toBe(
      `# yaml-language-server: $schema=${schema}replicator.schema.json`,
    );
  });
});

describe('the template', () => {
  const text = read(template);
  const keys = [...keysOf(configJsonSchema())];

  test.each(keys)('explains $key', ({ key }) => {
    expect(text).toMatch(new RegExp(`^ *(# )?${key}:`, 'm'));
  });

  test.each(
    keys.filter(({ fallback }) => typeof fallback === 'string' || typeof fallback === 'number'),
  )('shows the default of $key, $fallback', ({ key, fallback }) => {
    expect(text).toMatch(new RegExp(`^ *${key}: ${fallback}$`, 'm'));
  });

  test('says what a file without options says', () => {
    const { databases, relgroups, dbgroups, syncs } = parseYaml(text);
    const short = JSON.stringify({ databases, relgroups, dbgroups, syncs });
    const { apply, log, maxClockSkewMs, shutdownTimeoutMs } = parse(text);
    expect(parse(short)).toMatchObject({ apply, log, maxClockSkewMs, shutdownTimeoutMs });
  });
});

function* keysOf(schema: JsonSchema): Generator<{ key: string; fallback: unknown }> {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (!('not' in child)) yield { key, fallback: child['default'] };
    yield* keysOf(child);
  }
  if (typeof schema.additionalProperties === 'object') yield* keysOf(schema.additionalProperties);
}
