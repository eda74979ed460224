import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogOutput } from '../../../src/observability/log-output.ts';
import { eventually } from '../../support/eventually.ts';

let folder: string;
let pipe: string;
let troubles: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-output-'));
  pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  troubles = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function openReader(): number {
  return openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
}

// Never closed: what waits is tried until this process ends, and its number could be another file's.
function outputTo(path: string): LogOutput {
  return new LogOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), (why) =>
    troubles.push(why),
  );
}

/** What has come and was not read yet. */
function read(reader: number): string {
  const bytes = Buffer.alloc(100_000);
  try {
    return bytes.toString('utf8', 0, readSync(reader, bytes));
  } catch {
    // nothing
    return '';
  }
}

async function untilRead(reader: number, expected: string): Promise<void> {
  let text = '';
  await eventually(
    () => {
      text += read(reader);
      return text.length >= expected.length;
    },
    { what: 'all lines' },
  );
  // too long to be shown where it is another
  expect(text === expected).toBe(true);
}

async function untilTold(...expected: string[]): Promise<void> {
  await eventually(() => troubles.length >= expected.length, { what: 'a word' });
  expect(troubles).toEqual(expected);
}

test('a full disk is told once', async () => {
  const output = outputTo('/dev/full');
  output.write('one\n');
  await untilTold('ENOSPC');
  output.write('two\n');
  await sleep(200);
  expect(troubles).toEqual(['ENOSPC']);
});

test('what could not be written comes as soon as it can; then trouble is new', async () => {
  const first = openReader();
  const output = outputTo(pipe);
  output.write('one\n');
  await untilRead(first, 'one\n');
  closeSync(first);
  output.write('two\n');
  await untilTold('EPIPE');
  output.write('three\n');

  const second = openReader();
  await untilRead(second, 'two\nthree\n');
  // until the output knows it as well
  await sleep(200);
  closeSync(second);
  output.write('four\n');
  await untilTold('EPIPE', 'EPIPE');
});

test('a slow reader gets everything, one that has stopped what was there until the bound', async () => {
  const reader = openReader();
  const output = outputTo(pipe);
  const lines = Array.from({ length: 16 }, (_, i) => `${String(i).padEnd(65_535, '.')}\n`);
  for (const line of lines) output.write(line);
  await untilRead(reader, lines.join(''));
  expect(troubles).toEqual([]);
  // until the output knows that the last one is written: it would count it among what waits
  await sleep(200);
  for (const line of [...lines, 'lost\n', 'lost as well\n']) output.write(line);
  expect(troubles).toEqual(['nobody reads them']);
  await untilRead(reader, lines.join(''));
  output.write('the next\n');
  await untilRead(reader, 'the next\n');
  closeSync(reader);
}, 20_000);
