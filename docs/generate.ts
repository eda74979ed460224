// Run by `npm run generate`: writes the reference pages that are made from the code.
import { writeFile } from 'node:fs/promises';
import { configurationReference } from './configuration-reference.ts';
import { errorsReference } from './errors-reference.ts';

const folder = new URL('reference/', import.meta.url);
await writeFile(new URL('errors.md', folder), errorsReference());
await writeFile(new URL('configuration.md', folder), configurationReference());
