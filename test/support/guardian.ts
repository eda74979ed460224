// Ends what a test process started once that process is gone, however it went: vitest ends a hung
// worker with SIGKILL, and then no exit handler runs. A small shell reads a pipe that only the test
// process holds open; end of file means the test process is gone.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ServerUser } from './server-user.ts';

export interface Guardian {
  /** This process (and only the last one named) ends with us. */
  guard(pid: number): void;
  /** The guarded process has ended; its pid may soon belong to a stranger. */
  forget(): void;
  /** End now, as if the test process had gone. */
  close(): void;
}

const script = `
pid=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 0 ]; then
  kill -s "$1" "$pid"
  kill -s CONT "$pid"
  tries=0
  while kill -0 "$pid" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$pid"
fi
if [ -n "$2" ]; then rm -rf "$2"; fi
`;

export function createGuardian(options: {
  signal: 'QUIT' | 'KILL';
  /** Deleted at the end. */
  folder?: string;
  /** Runs as this user, so that it can end nothing of anybody else. */
  user?: ServerUser | undefined;
}): Guardian {
  const shell = spawn('/bin/sh', ['-c', script, 'guardian', options.signal, options.folder ?? ''], {
    ...options.user,
    // a session of its own: Ctrl-C in the terminal reaches every process of ours
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  const pipe = shell.stdin as Socket;
  pipe.on('error', () => undefined);
  shell.unref();
  pipe.unref();

  return {
    guard: (pid) => void pipe.write(`${pid}\n`),
    forget: () => void pipe.write('0\n'),
    close: () => void pipe.end(),
  };
}
