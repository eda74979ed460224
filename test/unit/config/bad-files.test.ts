import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { problemsOf, sampleFile } from './sample-file.ts';

interface BadFile {
  readonly what: string;
  readonly text: string;
  readonly env: Record<string, string>;
  readonly problems: string[];
}

const source = readFileSync(new URL('./bad-files.txt', import.meta.url), 'utf8');
const [, ...cases] = source.trimEnd().split('\n\n');

describe('every problem of a bad file is told in one line', () => {
  test.each(cases.map(readCase))('$what', ({ text, env, problems }) => {
    expect(problemsOf(text, env)).toEqual(problems);
  });
});

function readCase(lines: string): BadFile {
  const [what = '', ...rest] = lines.split('\n');
  const env: Record<string, string> = {};
  const problems: string[] = [];
  const whole: string[] = [];
  const changes: Record<number, string> = {};
  for (const line of rest) {
    const [, mark = '', text = ''] = /^(=|\$|>|\d+)\|(.*)$/.exec(line) ?? [];
    const before = changes[Number(mark)];
    if (mark === '=') whole.push(text);
    else if (mark === '>') problems.push(text);
    else if (mark === '$') Object.assign(env, Object.fromEntries([text.split('=')]));
    else changes[Number(mark)] = before === undefined ? text : `${before}\n${text}`;
  }
  const text = whole.length > 0 ? `${whole.join('\n')}\n` : sampleFile(changes);
  return { what, text, env, problems };
}
