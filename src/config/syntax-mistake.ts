// YAML's own mistakes in words for people who seldom write YAML. The parser's messages are not
// used: some of them repeat a piece of the file, which may be a piece of a password.
import { type Document, type ErrorCode, visit } from 'yaml';

const unclosed =
  'a quote, bracket or brace is not closed, or a line is not indented as the one before';
const unquoted = 'text with ": " in it must be in quotes, or this line is indented too far';
const startsOddly =
  'text that begins with one of @ ` % & * ! | > { [ \' " # must be in quotes to be taken as it is';

const bareReference = `inside of { } or [ ], \${…} must be in quotes`;

const mistakes: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: startsOddly,
  BAD_ALIAS: startsOddly,
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text: write \\\\ for a backslash',
  BAD_INDENT: unclosed,
  BAD_SCALAR_START: startsOddly,
  BLOCK_AS_IMPLICIT_KEY: unquoted,
  MISSING_CHAR: 'a quote, comma, colon, bracket or brace is missing',
  MULTILINE_IMPLICIT_KEY: 'a key needs a colon and a space after it: `key: value`',
  MULTIPLE_DOCS: 'only one document per file: remove the second `---`',
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  TAG_RESOLVE_FAILED: startsOddly,
  UNEXPECTED_TOKEN: 'does not belong here: check indentation, quotes, brackets and commas',
};

export interface Mistake {
  readonly offset: number;
  readonly message: string;
}

/** The first mistake only: what follows it is mostly its echo. */
export function syntaxMistake(document: Document, text: string): Mistake | undefined {
  const [first] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (first === undefined) return undefined;
  const offset = first.pos[0];
  const quote = first.code === 'MISSING_CHAR' ? unclosedQuote(document, text) : undefined;
  if (quote !== undefined) {
    return { offset: quote, message: 'not valid YAML: this quote is not closed' };
  }
  const message = isBareReference(text, offset) ? bareReference : mistakes[first.code];
  return { offset, message: `not valid YAML: ${message ?? 'cannot be understood'}` };
}

/** Noticed where the file ends, but wrong where it begins. */
function unclosedQuote(document: Document, text: string): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Scalar: (_, { type, range }) => {
      const source = text.slice(...(range ?? [0, 0]));
      const isQuoted = type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE';
      if (isQuoted && !source.slice(1).endsWith(source.slice(0, 1))) offset = range?.[0];
    },
  });
  return offset;
}

function isBareReference(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const line = text.slice(lineStart).split('\n', 1)[0] ?? '';
  return /[{[,].*[\s[]\$\{/.test(line);
}
