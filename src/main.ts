#!/usr/bin/env node
// The process: the only place that exits.
import { runCli } from './cli/cli.ts';
import { printFailure } from './cli/output.ts';

let signals = 0;
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    signals += 1;
    if (signals > 1) process.exit(code);
  });

// A result that nobody reads any more (`replicator status | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 70);
});
// There is nobody left to tell, and the daemon goes on.
process.stderr.on('error', () => {});

let exitCode: number;
try {
  exitCode = await runCli(process.argv.slice(2));
} catch (error) {
  exitCode = printFailure(error);
}
process.exitCode = exitCode;
// A connection attempt that hangs must not keep alive a process that is done.
setTimeout(() => process.exit(exitCode), 500).unref();
