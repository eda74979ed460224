// `schema.table` patterns, as psql reads them but without folding capitals:
// https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PATTERNS
import type { TableName } from '../model/relation.ts';

export interface TablePattern {
  readonly schema: NamePattern;
  readonly name: NamePattern;
}

interface NamePattern {
  readonly matches: RegExp;
  /** The only name that it matches; undefined when it has a wildcard. */
  readonly literal: string | undefined;
}

const tokens =
  /"(?<quoted>(?:[^"]|"")*)"|(?<dot>\.)|(?<wildcard>[*?])|(?<bare>[^".*?\s]+)|(?<wrong>[\s\S])/g;

interface Token {
  readonly quoted?: string;
  readonly dot?: string;
  readonly wildcard?: string;
  readonly bare?: string;
  readonly wrong?: string;
}

/** Throws RangeError, its message a phrase that begins with "must". */
export function parseTablePattern(text: string): TablePattern {
  const parts: Token[][] = [[]];
  for (const match of text.matchAll(tokens)) {
    const token: Token = match.groups ?? {};
    if (token.wrong !== undefined) {
      throw new RangeError(
        'must have special characters in double quotes, as in public."my table"',
      );
    }
    // PostgreSQL would read Orders as orders, the reader of the file might not.
    if (token.bare !== undefined && /[A-Z]/.test(token.bare)) {
      throw new RangeError('must have capitals in double quotes, as in public."Orders"');
    }
    if (token.dot === undefined) parts.at(-1)?.push(token);
    else parts.push([]);
  }
  const [schema, name, ...more] = parts.map(namePattern);
  if (schema === undefined || name === undefined) {
    throw new RangeError('must name the schema too, as in public.orders');
  }
  if (more.length > 0) {
    throw new RangeError('must be schema.table, names with dots in double quotes');
  }
  if (schema.literal === '' || name.literal === '') {
    throw new RangeError('must be schema.table, as in public.orders');
  }
  return { schema, name };
}

export function patternMatches({ schema, name }: TablePattern, table: TableName): boolean {
  return schema.matches.test(table.schema) && name.matches.test(table.name);
}

function namePattern(part: readonly Token[]): NamePattern {
  const source = part.map(({ wildcard, ...token }) => {
    if (wildcard !== undefined) return wildcard === '*' ? '.*' : '.';
    return characters(token).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  const hasWildcard = part.some(({ wildcard }) => wildcard !== undefined);
  return {
    // `**` is the same as `*`, but slow.
    matches: new RegExp(`^${source.join('').replace(/(\.\*){2,}/g, '.*')}$`, 'su'),
    literal: hasWildcard ? undefined : part.map(characters).join(''),
  };
}

const characters = ({ quoted, bare }: Token): string => quoted?.replaceAll('""', '"') ?? bare ?? '';
