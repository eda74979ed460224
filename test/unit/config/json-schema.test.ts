import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  configJsonSchema,
  configJsonSchemaText,
  type JsonSchema,
} from '../../../src/config/json-schema.ts';

const committed = new URL('../../../config/replicator.schema.json', import.meta.url);

test('the committed schema is the generated one (npm run generate)', () => {
  expect(readFileSync(committed, 'utf8')).toBe(configJsonSchemaText());
});

test('it is of draft 7, the newest that editors read', () => {
  expect(configJsonSchema()['$schema']).toBe('http://json-schema.org/draft-07/schema#');
});

test('every key is described', () => {
  const undescribed: string[] = [];
  const visit = (schema: JsonSchema, path: string) => {
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      const isRefused = 'not' in child;
      if (!isRefused && child['description'] === undefined) undescribed.push(`${path}${key}`);
      visit(child, `${path}${key}.`);
    }
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, path);
  };
  visit(configJsonSchema(), '');
  expect(undescribed).toEqual([]);
});

test('a reference is allowed wherever text is limited', () => {
  const { properties } = configJsonSchema();
  const limited = ['port', 'sslmode', 'connect_timeout'];
  const database = properties?.['databases']?.additionalProperties as JsonSchema;
  for (const key of limited) {
    expect(JSON.stringify(database.properties?.[key]), key).toContain('\\\\$\\\\{');
  }
});
