// vitest's globalSetup of the projects that run the built program: builds it if it is older than
// its sources.
import { execFile } from 'node:child_process';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');
const program = join(dist, 'main.js');

export async function setup(): Promise<void> {
  const began = new Date();
  if ((await modifiedMs(program)) > (await newestSourceMs())) return;
  // built beside and moved into place: a program that starts meanwhile never loads half a file
  const fresh = join(root, `dist.${process.pid}`);
  const old = `${fresh}.old`;
  try {
    await compile(fresh);
    await rename(dist, old).catch(ignoreMissing);
    await rename(fresh, dist);
    // a source changed during the build is newer than this
    await utimes(program, began, began);
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

async function compile(outDir: string): Promise<void> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  try {
    const args = [tsc, '-p', 'src', '--outDir', outDir];
    await promisify(execFile)(process.execPath, args, { cwd: root });
  } catch (error) {
    throw new Error(`the build fails:\n${(error as { stdout?: string }).stdout}`, { cause: error });
  }
}

async function newestSourceMs(): Promise<number> {
  const names = await readdir(join(root, 'src'), { recursive: true });
  const paths = ['tsconfig.json', ...names.map((name) => join('src', name))];
  return Math.max(...(await Promise.all(paths.map((path) => modifiedMs(join(root, path))))));
}

/** 0 when there is no such file. */
async function modifiedMs(path: string): Promise<number> {
  return (await stat(path).catch(ignoreMissing))?.mtimeMs ?? 0;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
