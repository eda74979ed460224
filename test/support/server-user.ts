// Who runs the servers: PostgreSQL refuses to run as root, and tests often do (in containers).
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Spread into the options of spawn(). */
export interface ServerUser {
  uid: number;
  gid: number;
}

const userName = 'nobody';

let known: { user: ServerUser | undefined } | undefined;

/** undefined: ourselves. */
export function serverUser(): ServerUser | undefined {
  known ??= { user: process.getuid?.() === 0 ? lookUp() : undefined };
  return known.user;
}

function lookUp(): ServerUser {
  const id = (flag: string) => Number(execFileSync('id', [flag, userName], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Runs a program as the server's user with nothing of our environment, in which PG* could be set. */
export async function runAsServerUser(program: string, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, {
    ...serverUser(),
    // the folder we are in may be closed to that user
    cwd: '/',
    env: serverEnvironment(),
  });
  return stdout;
}

/** Messages in English (we look for some in the log), times in UTC. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}
