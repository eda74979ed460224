// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what is tested
import { describe, expect, test } from 'vitest';
import { escapeReferences, interpolate } from '../../../src/config/interpolate.ts';

const env = { HOST: 'db1', EMPTY: '', NESTED: '${HOST} $$' };

describe('replaced', () => {
  test.each([
    ['${HOST}', 'db1'],
    ['a-${HOST}.example.com', 'a-db1.example.com'],
    ['${HOST}${HOST}', 'db1db1'],
    ['${EMPTY}', ''],
    ['${HOST:-other}', 'db1'],
    ['${UNSET:-other}', 'other'],
    ['${EMPTY:-other}', 'other'],
    ['${UNSET:-}', ''],
    ['${UNSET:-a:-b?c$d}', 'a:-b?c$d'],
    ['${HOST:?set it}', 'db1'],
    ['$$', '$'],
    ['$${HOST}', '${HOST}'],
    ['$$$${HOST}', '$${HOST}'],
    ['$$${HOST}', '$db1'],
    ['p$ss$HOST$', 'p$ss$HOST$'],
    // What a variable holds is not looked at again.
    ['${NESTED}', '${HOST} $$'],
    ['', ''],
  ])('%s', (text, expected) => {
    expect(interpolate(text, env)).toMatchObject({ text: expected, problems: [] });
  });
});

describe('refused', () => {
  const form =
    'a reference is written ${NAME}, ${NAME:-default} or ${NAME:?why}; write $${ for a plain ${';
  test.each([
    ['${UNSET}', '${UNSET', 'the environment variable UNSET is not set'],
    ['${UNSET:?}', '${UNSET', 'the environment variable UNSET is not set'],
    ['${UNSET:?the host}', '${UNSET', 'the environment variable UNSET is not set: the host'],
    ['${EMPTY:?the host}', '${EMPTY', 'the environment variable EMPTY is empty: the host'],
    ['${toString}', '${toString', 'the environment variable toString is not set'],
    ['${}', '${', form],
    ['${1}', '${', form],
    ['${HOST', '${', form],
    ['${HOST-other}', '${', form],
    ['${HOST:+other}', '${', form],
    ['${A:-${HOST}}', '${', form],
  ])('%s', (text, reference, message) => {
    expect(interpolate(text, env).problems).toEqual([{ reference, message }]);
  });

  test('every reference of a text', () => {
    expect(interpolate('${A}:${HOST}:${B}', env).problems).toHaveLength(2);
  });
});

test('says whether anything came from outside', () => {
  expect(interpolate('${HOST}', env).fromEnvironment).toBe(true);
  expect(interpolate('${UNSET:-x}', env).fromEnvironment).toBe(true);
  expect(interpolate('$$HOST', env).fromEnvironment).toBe(false);
});

test('escapes only what it would replace', () => {
  expect(escapeReferences('p$ss')).toBe('p$ss');
  expect(escapeReferences('${HOST}$')).toBe('$${HOST}$$');
});
