// The kinds of values in the user's file. Scalars arrive as text, as written (parse-yaml.ts).
// Messages are phrases that follow the key; describe-issue.ts adds ", not …" after a "must …".
import * as z from 'zod';
import {
  durationUnits,
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
  sizeUnits,
} from './units.ts';

export const text = () => z.string().min(1, 'is empty');

export function wholeNumber(least: number, most: number) {
  const range = `must be a whole number from ${least} to ${most}`;
  const fromText = (value: unknown) =>
    typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return z.preprocess(fromText, z.int(range).min(least, range).max(most, range));
}

/** Milliseconds. Up to 24 days: longer ones overflow timers here and settings of the servers. */
export function duration(least = '1ms', most = '24d') {
  return quantity(parseDurationMs, formatDuration, durationUnits, least, most);
}

/** Bytes. */
export function size(least: string, most: string) {
  return quantity(parseSizeBytes, formatSize, sizeUnits, least, most);
}

function quantity(
  parse: (text: string) => number,
  format: (value: number) => string,
  units: readonly string[],
  least: string,
  most: string,
) {
  const [min, max] = [parse(least), parse(most)];
  return z
    .string()
    .meta({ pattern: `^\\d+ *(${units.join('|')})$` })
    .transform((written, context) => {
      const problem = (message: string) => {
        context.addIssue({ code: 'custom', message, input: written });
        return z.NEVER;
      };
      try {
        const value = parse(written);
        if (value >= min && value <= max) return value;
        return problem(`must be from ${format(min)} to ${format(max)}`);
      } catch (error) {
        if (error instanceof RangeError) return problem(error.message);
        throw error;
      }
    });
}

/** One of a few words; `refused` explains words that people know from elsewhere. */
export function choice<const T extends readonly [string, ...string[]]>(
  words: T,
  refused: Readonly<Record<string, string>> = {},
) {
  const list =
    words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return z.enum(words, {
    error: ({ input }) =>
      typeof input === 'string' && Object.hasOwn(refused, input)
        ? `"${input}" ${refused[input]}`
        : `must be ${list}`,
  });
}
