// What the operating system knows of processes: PostgreSQL's backends are sessions of their own, so
// a signal to the group of the postmaster does not reach them.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export async function childrenOf(parent: number): Promise<number[]> {
  const processes = process.platform === 'linux' ? await listProc() : await listWithPs();
  return processes.filter((entry) => entry.parent === parent).map((entry) => entry.pid);
}

export async function isRunning(pid: number): Promise<boolean> {
  // a zombie that nobody has waited for yet answers to kill(pid, 0), but holds nothing any more
  if (process.platform === 'linux')
    return !['Z', 'X'].includes((await readStat(pid))?.state ?? 'X');
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Sends a signal; a process that has ended meanwhile is fine. */
export function signalIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface ProcessEntry {
  pid: number;
  parent: number;
  state: string;
}

async function listProc(): Promise<ProcessEntry[]> {
  const names = await readdir('/proc');
  const entries = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readStat(Number(name))),
  );
  return entries.filter((entry) => entry !== undefined);
}

/** proc_pid_stat(5); the name in parentheses may hold anything. */
async function readStat(pid: number): Promise<ProcessEntry | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && { pid, state: fields[0] ?? '', parent: Number(fields[1]) };
}

async function listWithPs(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      return { pid: pid ?? 0, parent: parent ?? 0, state: '' };
    });
}
