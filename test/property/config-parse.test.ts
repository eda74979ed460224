import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseConfig } from '../../src/config/parse-config.ts';

const parse = (text: string) =>
  parseConfig(text, { file: 'f', env: { SECRET: 'Tr0ub4dor' }, isPublic: true });

function problemsOf(text: string): readonly string[] {
  try {
    return parse(text).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const sound = {
  databases: {
    a: { host: 'a', dbname: 'd', user: 'u', password: 'Tr0ub4dor', port: '5432' },
    b: { url: 'postgres://u:Tr0ub4dor@b/d' },
    c: { host: '$' + '{SECRET}', dbname: 'd', user: 'u', sslmode: 'disable' },
  },
  relgroups: { r: { tables: ['public.*'], exclude: ['public.x'] } },
  dbgroups: { g: { a: 'source', b: 'source', c: 'target' } },
  syncs: { s: { relgroup: 'r', dbgroup: 'g', initial_copy: 'none', truncate: 'ignore' } },
  apply: { batch_changes: 1, batch_size: '8MB', lock_timeout: '10s' },
  log: { level: 'info' },
};

test('any text gives a configuration or lines with their place', () => {
  const words = [
    'databases',
    'syncs',
    'a',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    '*',
    '&a',
    '<<',
    '#',
    '|',
    '!',
    '%',
    '---\n',
    '\t',
    ',',
  ];
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words)).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(text, (input) => {
      for (const line of problemsOf(input)) expect(line).toMatch(/^f(:\d+:\d+)?: .+$/);
    }),
    { numRuns: 1000 },
  );
});

test('a sound file with any values changed: one line each, no secret in any of them', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom(
      null,
      [],
      {},
      '',
      '$' + '{SECRET}',
      'require',
      'pause',
      '10',
      'a.b.c',
      'r',
      'postgres://u@h',
    ),
    fc.json().map((json): unknown => JSON.parse(json)),
  );
  const changes = fc.array(fc.tuple(fc.nat(), value, fc.boolean()), { maxLength: 4 });
  fc.assert(
    fc.property(changes, (list) => {
      const file = structuredClone(sound);
      for (const [at, changed, renames] of list) change(file, at, changed, renames);
      for (const line of problemsOf(stringify(file))) {
        expect(line).not.toMatch(/[\n\r]/);
        expect(line).not.toContain('Tr0ub4dor');
      }
    }),
    // a value that gives no string of itself can still be written as a name
    { numRuns: 2000, examples: [[[[0, { toString: '' }, true]]]] },
  );
});

/** Replaces one of all values in the tree, or gives its key another name. */
function change(tree: object, at: number, value: unknown, renames: boolean): void {
  const places = [...placesOf(tree as Record<string, unknown>)];
  const place = places[at % places.length];
  if (place === undefined) return;
  const { owner, key } = place;
  if (!renames) owner[key] = value;
  else if (!Array.isArray(owner)) {
    owner[typeof value === 'string' ? value : JSON.stringify(value)] = owner[key];
    delete owner[key];
  }
}

function* placesOf(
  owner: Record<string, unknown>,
): Generator<{ owner: Record<string, unknown>; key: string }> {
  for (const [key, value] of Object.entries(owner)) {
    yield { owner, key };
    if (typeof value === 'object' && value !== null) {
      yield* placesOf(value as Record<string, unknown>);
    }
  }
}
