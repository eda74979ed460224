// The only place that prints. Results go to standard output, words about them to standard error;
// colour only where somebody looks and has not asked for none (https://no-color.org).
import { styleText } from 'node:util';
import { stringify } from 'yaml';
import { asReplicatorError } from '../model/errors.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Machine-readable results carry a version; their shape is a promise, the table's is not. */
export function printData(format: 'json' | 'yaml', data: Record<string, unknown>): void {
  const versioned = { schemaVersion: 1, ...data };
  print(format === 'json' ? JSON.stringify(versioned, null, 2) : stringify(versioned).trimEnd());
}

/** One line per problem: what and where, then how to mend it. Never a stack trace. */
export function printFailure(thrown: unknown): number {
  const error = asReplicatorError(thrown);
  const lines = error.message.split('\n');
  for (const line of lines) printError(`replicator: ${line}`);
  if (lines.length === 1) printError(`  ${colour('dim', `${error.code}: ${error.hint}`)}`);
  return error.exitCode;
}

/** Columns padded to their widest cell, as psql's unaligned neighbours do. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  print(colour('bold', line(head)));
  for (const row of rows) print(line(row));
}

export function colour(style: Parameters<typeof styleText>[0], text: string): string {
  return coloured() ? styleText(style, text) : text;
}

let colourAllowed: boolean | undefined;

/** Decided once by the command line from NO_COLOR, FORCE_COLOR, TERM and --no-color. */
export function allowColour(allowed: boolean | undefined): void {
  colourAllowed = allowed;
}

function coloured(): boolean {
  return colourAllowed ?? process.stdout.isTTY === true;
}

/** A line on a terminal that the next one overwrites; nothing where output is not a terminal. */
export function printProgress(text: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${text}`);
}

export function endProgress(): void {
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K');
}

/** Clears the screen for the next picture of a --watch. */
export function printScreen(): void {
  if (process.stdout.isTTY === true) process.stdout.write('\u001b[H\u001b[2J');
}

export function formatBytes(bytes: number | bigint): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
