// Run by `npm run generate`: writes the committed schema anew.
import { writeFile } from 'node:fs/promises';
import { configJsonSchemaText } from './json-schema.ts';

await writeFile(
  new URL('../../config/replicator.schema.json', import.meta.url),
  configJsonSchemaText(),
);
