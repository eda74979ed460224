// A short torture run (test/torture; `npm run torture` for a long one): clients on every database
// while processes, servers and the network fail, by chance, and then all have the same.
import { expect, test } from 'vitest';
import { newest, oldest } from '../support/servers-for-tests.ts';
import { parseCommandLine } from '../torture/options.ts';
import { report } from '../torture/report.ts';
import { run } from '../torture/run.ts';

const versions = ['--majors', `${newest},${oldest}`, '--minutes', '0.35'];

test.each([
  ['one writer', ['--topology', 'single']],
  ['several writers, each with rows of its own', ['--rows', 'own']],
  ['several writers of the same rows', []],
])(
  '%s: all faults, and nothing is lost, doubled or different',
  async (_, args) => {
    const commandLine = parseCommandLine([...versions, ...args]);
    if (commandLine === 'help') throw new Error('that is no run');
    const result = await run(commandLine.options, () => undefined);
    expect(result.findings, report(result)).toEqual([]);
  },
  240_000,
);
