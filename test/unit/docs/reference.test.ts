import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationReference } from '../../../docs/configuration-reference.ts';
import { errorsReference } from '../../../docs/errors-reference.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

test.each([
  ['errors.md', errorsReference],
  ['configuration.md', configurationReference],
])('%s is what `npm run generate` writes', (name, reference) => {
  expect(read(name)).toBe(reference());
});
