// The support for processes, tried on a program that stands in for the built one.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { writeConfig } from '../../support/config-file.ts';
import { isRunning } from '../../support/process-tree.ts';
import { killReplicators, startReplicator } from '../../support/replicator-process.ts';
import { runCli } from '../../support/run-cli.ts';

const source = `
const [command, ...rest] = process.argv.slice(2);
if (command === 'echo') {
  console.log(rest.join(' '), process.env.GIVEN, process.env.PGHOST);
  console.error('to stderr');
  process.exitCode = 3;
}
if (command === 'hang' || command === 'run') setInterval(() => {}, 1000);
if (command === 'run') {
  if (process.env.FAIL) process.exit(2);
  process.on('SIGTERM', () => {
    if (process.env.STUBBORN) return;
    console.log(JSON.stringify({ level: 'info', msg: 'stopped' }));
    process.exit(0);
  });
  console.log('not JSON');
  console.log(JSON.stringify({ level: 'info', msg: 'ready', config: rest[1] }));
}
`;

let program: string;
let config: string;

beforeAll(() => {
  config = writeConfig({ databases: { a: { host: 'x' } } });
  program = join(dirname(config), 'stand-in.mjs');
  writeFileSync(program, source);
});

afterAll(killReplicators);

test('a configuration file is YAML that only we can read', () => {
  expect(parse(readFileSync(config, 'utf8'))).toEqual({ databases: { a: { host: 'x' } } });
  expect(statSync(config).mode & 0o777).toBe(0o600);
});

test('a command gives its code and output, and sees only the environment it is given', async () => {
  process.env['PGHOST'] = 'somewhere';
  const result = await runCli(['echo', 'a', 'b'], { program, env: { GIVEN: 'given' } });
  delete process.env['PGHOST'];
  expect(result).toMatchObject({ code: 3, stdout: 'a b given undefined\n', stderr: 'to stderr\n' });
});

test('a command that hangs is ended', async () => {
  await expect(runCli(['hang'], { program, timeoutMs: 300 })).rejects.toThrow('more than 300 ms');
});

test('the daemon logs, stops on SIGTERM and tells how it ended', async () => {
  const replicator = startReplicator(config, { program });
  expect(await replicator.waitForLog('ready')).toMatchObject({ config });
  expect(replicator.logs[0]).toEqual({ msg: 'not JSON' });
  const { code, signal, ms } = await replicator.stop();
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(ms).toBeLessThan(5000);
  expect(replicator.logs.at(-1)?.msg).toBe('stopped');
});

test('the daemon can be killed, and one that does not stop is', async () => {
  const killed = startReplicator(config, { program });
  await killed.waitForLog((line) => line.level === 'info');
  expect(await killed.kill()).toMatchObject({ code: null, signal: 'SIGKILL' });

  const stubborn = startReplicator(config, { program, env: { STUBBORN: '1' } });
  await stubborn.waitForLog('ready');
  await expect(stubborn.stop(200)).rejects.toThrow('did not stop in 200 ms');
  expect(await isRunning(stubborn.pid)).toBe(false);
});

test('to wait for a line ends with the process', async () => {
  const replicator = startReplicator(config, { program, env: { FAIL: '1' } });
  await expect(replicator.waitForLog('ready')).rejects.toThrow('ended before it logged');
  expect(await replicator.untilExit()).toMatchObject({ code: 2 });
});
