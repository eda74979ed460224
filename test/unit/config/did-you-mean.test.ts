import { expect, test } from 'vitest';
import { didYouMean, nearestName } from '../../../src/config/did-you-mean.ts';

const keys = ['host', 'port', 'password', 'password_file', 'initial_copy', 'sslmode', 'conflict'];

test.each([
  ['hots', 'host'],
  ['hosts', 'host'],
  ['Port', 'port'],
  ['pasword', 'password'],
  ['passwd', 'password'],
  ['passwordFile', 'password_file'],
  ['password-file', 'password_file'],
  ['initialCopy', 'initial_copy'],
  ['ssl_mode', 'sslmode'],
  ['conflict_strategy', 'conflict'],
  ['pass', 'password'],
])('%s means %s', (word, meant) => {
  expect(nearestName(word, keys)).toBe(meant);
});

test.each(['', 'x', 'pt', 'colour', 'dbname', 'ho'])('%j means nothing', (word) => {
  expect(nearestName(word, keys)).toBeUndefined();
});

test('short names are not taken for one another', () => {
  expect(nearestName('m1', ['m2', 'a'])).toBeUndefined();
});

test('what there is to choose from is listed when nothing is near', () => {
  expect(didYouMean('hots', keys)).toBe(' (did you mean "host"?)');
  expect(didYouMean('x', ['a', 'b'])).toBe(' (known: a, b)');
  expect(didYouMean('x', [])).toBe('');
  expect(didYouMean('x', ['a', 'line of a wrong file: secret'])).toBe(' (known: a)');
});
