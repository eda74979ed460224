import { expect, test } from 'vitest';
import { quoteIdentifier, quoteLiteral, quoteTable } from '../../../src/postgres/identifiers.ts';

test.each([
  ['plain', '"plain"'],
  ['Mixed Case', '"Mixed Case"'],
  ['a"b', '"a""b"'],
  ['x"; drop table t; --', '"x""; drop table t; --"'],
  ['select', '"select"'],
  ['__proto__', '"__proto__"'],
  ['a\\b', '"a\\b"'],
  ['😀', '"😀"'],
])('the name %s', (name, quoted) => {
  expect(quoteIdentifier(name)).toBe(quoted);
});

test.each([
  ['plain', "'plain'"],
  ["a'b", "'a''b'"],
  ['', "''"],
  ['%s $1', "'%s $1'"],
  // a space first: it must not become part of a word before it
  ["back\\slash'", " E'back\\\\slash'''"],
])('the constant %s', (text, quoted) => {
  expect(quoteLiteral(text)).toBe(quoted);
});

test('a table is schema and name, each quoted by itself', () => {
  expect(quoteTable({ schema: 'a.b', name: 'c"d' })).toBe('"a.b"."c""d"');
});

test('NUL is refused, as it would end the statement', () => {
  expect(() => quoteIdentifier('a\0b')).toThrow(RangeError);
  expect(() => quoteLiteral('a\0b')).toThrow(RangeError);
});
