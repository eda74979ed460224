// Folders for servers and configuration files. They are deleted when the test process is gone.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuardian, type Guardian } from './guardian.ts';
import { serverUser } from './server-user.ts';

export interface TemporaryFolder {
  path: string;
  /** Guards the folder and may guard the process that lives in it. */
  guardian: Guardian;
}

/** Belongs to us alone. */
export function createTemporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `replicator-${name}-`));
  return { path, guardian: createGuardian({ signal: 'KILL', folder: path }) };
}

/** Belongs to the user that runs the servers. */
export function createServerFolder(name: string): TemporaryFolder {
  const user = serverUser();
  const path = mkdtempSync(join(serverRoot(), `replicator-${name}-`));
  if (user) chownSync(path, user.uid, user.gid);
  // QUIT is PostgreSQL's immediate shutdown: no checkpoint, but its shared memory is given back
  return { path, guardian: createGuardian({ signal: 'QUIT', folder: path, user }) };
}

/** Kept from run to run and shared by concurrent ones: put files there by rename only. */
export function sharedFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const path = join(serverRoot(), `replicator-test-cache-${uid}`);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  // the name is predictable and the parent open to all: do not trust what somebody else put there
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} is not a folder that only we can write to: remove it`);
  }
  // mkdir is subject to the umask, and the servers' user has to read here
  if (serverUser()) chmodSync(path, 0o755);
  return path;
}

let knownRoot: string | undefined;

/** TMPDIR may be a folder that the servers' user cannot enter (such as root's own). */
function serverRoot(): string {
  knownRoot ??= [tmpdir(), '/tmp'].find(isOpenToServerUser);
  if (knownRoot === undefined) throw new Error(`${tmpdir()} is closed to the user of the servers`);
  return knownRoot;
}

function isOpenToServerUser(folder: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'test -w "$1" && test -x "$1"', 'test', folder], {
      ...serverUser(),
      cwd: '/',
    });
    return true;
  } catch {
    return false;
  }
}
