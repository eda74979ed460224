// The schema of the user's file for editors, and for `replicator config schema`.
import * as z from 'zod';
import { configSchema } from './schema.ts';

export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/** Draft 7: the newest that yaml-language-server reads. */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' });
  const title = 'Configuration of replicator';
  return { $schema, title, ...allowReferences(schema as JsonSchema) };
}

/** As it is committed: short lists on one line, where the formatter wants them. */
export function configJsonSchemaText(): string {
  const text = JSON.stringify(configJsonSchema(), null, 2);
  return `${text.replace(/\[\n[^[\]{}]*\]/g, (list) => JSON.stringify(JSON.parse(list)).replaceAll('","', '", "'))}\n`;
}

/** Wherever text is limited, `${VAR}` is as good: what it stands for is seen only at the start. */
function allowReferences(schema: JsonSchema): JsonSchema {
  const { enum: words, ...rest } = schema;
  if (words !== undefined) {
    const { type, ...about } = rest;
    return {
      ...about,
      anyOf: [
        { type, enum: words },
        { type, pattern: reference },
      ],
    };
  }
  if (schema.type === 'integer')
    return { ...rest, type: ['integer', 'string'], pattern: reference };
  const { pattern, properties, additionalProperties, items } = schema;
  return {
    ...rest,
    ...(pattern && { pattern: `${pattern}|${reference}` }),
    ...(properties && { properties: mapValues(properties) }),
    ...(items && { items: allowReferences(items) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: allowReferences(additionalProperties),
    }),
  };
}

const reference = '\\$\\{';

function mapValues(schemas: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, allowReferences(schema)]),
  );
}
