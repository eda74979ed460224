// docs/reference/configuration.md, made from the schema that also checks the user's file.
import { configJsonSchema, type JsonSchema } from '../src/config/json-schema.ts';

const head = `# Configuration

Made by \`npm run generate\` from \`src/config/schema.ts\`; do not edit.

One YAML file. It is looked for in this order: \`--config\`, \`REPLICATOR_CONFIG\`, \`./replicator.yaml\`,
\`/etc/replicator/replicator.yaml\`. [config/replicator.yaml](../../config/replicator.yaml) has every
key with a comment, [config/examples](../../config/examples) has one file per topology.

- An unknown key is an error. All problems are reported at once, each with line and column.
- \`\${VAR}\`, \`\${VAR:-default}\` and \`\${VAR:?why}\` stand for environment variables in any value, and \`$$\`
  for a dollar sign. A variable that is not set and has no default is an error. Inside of \`{ }\` or
  \`[ ]\` write them in quotes.
- Durations and sizes have units (\`500ms\`, \`10s\`, \`1min\`, \`64MB\`); a bare number is refused. Sizes
  count in 1024.
- Relative paths start at the folder of the file.
- Names of databases: up to 20 lower-case letters and digits, with single underscores between them.
- Changes take effect when \`run\` starts, or reads the file again on SIGHUP; \`log.level\` too.
- What \`conflict\` and the keys beside it mean is told in [conflicts](conflicts.md). \`max_clock_skew\` is what
  \`check\` warns of.
- Tables that are to be treated differently get a relgroup and a sync of their own, and are excluded from
  the other relgroup.

\`replicator config validate\` reads the file and nothing else, \`replicator config print\` shows what it
means with all defaults and without passwords, \`replicator config schema\` prints the JSON Schema that
editors use ([config/replicator.schema.json](../../config/replicator.schema.json)).
`;

export function configurationReference(): string {
  const schema = configJsonSchema();
  return `${head}${[...sectionsOf(schema, '')].join('')}`;
}

/** Sections first hold their own plain keys, then follow those that are sections themselves. */
function* sectionsOf(schema: JsonSchema, path: string): Generator<string> {
  const keys = Object.entries(schema.properties ?? {}).filter(([, child]) => !('not' in child));
  const plain = keys.filter(([, child]) => !isSection(child));
  if (plain.length > 0) {
    const title = path === '' ? 'Top level' : `\`${path}\``;
    const rows = plain.map(([key, child]) => row(key, child, schema));
    yield `\n## ${title}\n${about(schema)}\n| key | default | meaning |\n|---|---|---|\n${rows.join('')}`;
  }
  for (const [key, child] of keys.filter(([, each]) => isSection(each))) {
    const here = path === '' ? key : `${path}.${key}`;
    const entry = child.additionalProperties;
    if (typeof entry !== 'object') yield* sectionsOf(child, here);
    else if (entry.properties !== undefined)
      yield* sectionsOf({ ...entry, description: child['description'] }, `${here}.<name>`);
    else yield namedRoles(here, child, entry);
  }
}

function isSection({ properties, additionalProperties }: JsonSchema): boolean {
  return properties !== undefined || typeof additionalProperties === 'object';
}

function namedRoles(path: string, schema: JsonSchema, entry: JsonSchema): string {
  const roles = typeof entry.additionalProperties === 'object' ? entry.additionalProperties : entry;
  return `\n## \`${path}.<name>\`\n${about(schema)}\n\`database: role\`. ${text(roles['description'])}\n`;
}

function about({ description }: JsonSchema): string {
  return description === undefined ? '' : `\n${text(description)}\n`;
}

function row(key: string, child: JsonSchema, parent: JsonSchema): string {
  const required = (parent['required'] as readonly string[] | undefined)?.includes(key) === true;
  const fallback = child['default'] === undefined ? '' : `\`${JSON.stringify(child['default'])}\``;
  const given = required ? '(required)' : fallback.replaceAll('"', '');
  return `| \`${key}\` | ${given} | ${choices(child)}${text(child['description'])} |\n`;
}

/** The words that a key takes, where it takes only some. */
function choices({ anyOf }: JsonSchema): string {
  const [first] = (anyOf ?? []) as readonly JsonSchema[];
  const words = first?.enum?.map((word) => `\`${word}\``).join(', ');
  return words === undefined ? '' : `${words}. `;
}

function text(description: unknown): string {
  return typeof description === 'string'
    ? description.replace(/\w+:\/\/\S+/g, '`$&`').replaceAll('|', '\\|')
    : '';
}
