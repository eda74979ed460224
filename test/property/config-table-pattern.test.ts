import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTablePattern, patternMatches } from '../../src/config/table-pattern.ts';
import { tableLabel } from '../../src/model/relation.ts';

// Few different characters, so that patterns match often, and all those that mean something.
const characters = fc.constantFrom(
  'a',
  'b',
  '_',
  'A',
  '.',
  '"',
  '*',
  '?',
  '\\',
  '[',
  ' ',
  '\n',
  'é',
  '😀',
);
const identifier = fc.string({ unit: characters, minLength: 1, maxLength: 12 });
const glob = fc.string({
  unit: fc.constantFrom('a', 'b', '*', '?', '😀'),
  minLength: 1,
  maxLength: 8,
});
const plainName = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 8 });

test('the label of a table is a pattern that matches it and nothing else', () => {
  fc.assert(
    fc.property(
      identifier,
      identifier,
      identifier,
      identifier,
      (schema, name, otherSchema, otherName) => {
        const pattern = parseTablePattern(tableLabel({ schema, name }));
        expect(patternMatches(pattern, { schema, name })).toBe(true);
        expect(pattern.schema.literal).toBe(schema);
        expect(pattern.name.literal).toBe(name);
        expect(patternMatches(pattern, { schema: otherSchema, name: otherName })).toBe(
          schema === otherSchema && name === otherName,
        );
      },
    ),
  );
});

test('wildcards match as the plainest of algorithms does', () => {
  fc.assert(
    fc.property(glob, plainName, (pattern, name) => {
      const parsed = parseTablePattern(`public.${pattern}`);
      expect(patternMatches(parsed, { schema: 'public', name })).toBe(
        plainlyMatches([...pattern], [...name]),
      );
    }),
    { numRuns: 2000 },
  );
});

test('any text is a pattern or is refused with what it must be', () => {
  fc.assert(
    fc.property(fc.oneof(identifier, fc.string()), (text) => {
      try {
        parseTablePattern(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect(error).toHaveProperty('message', expect.stringMatching(/^must /));
      }
    }),
  );
});

function plainlyMatches(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name.length === 0;
  if (first !== '*') {
    return (
      name.length > 0 && (first === '?' || first === name[0]) && plainlyMatches(rest, name.slice(1))
    );
  }
  return plainlyMatches(rest, name) || (name.length > 0 && plainlyMatches(pattern, name.slice(1)));
}
