// A fresh data directory. initdb is the slow part: it runs once per version, and every server gets
// a copy. The template is one tar file: it is there whole or not at all, whoever else creates it at
// the same time and whatever cleans the temporary folder.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Major, postgresBinaries } from './postgres-binaries.ts';
import { runAsServerUser, serverUser } from './server-user.ts';
import { renewSystemIdentifier } from './system-identifier.ts';
import { createServerFolder, sharedFolder } from './temporary-folder.ts';

export type Settings = Record<string, string>;

const initdbOptions = ['-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'];

/** The folder must belong to the user of the servers. Returns the data directory below it. */
export async function createDataDirectory(
  folder: string,
  major: Major,
  settings: Settings,
): Promise<string> {
  const template = await templateOf(major);
  await runAsServerUser('tar', ['-C', folder, '-xf', template]);
  const dataDirectory = join(folder, 'data');
  await renewSystemIdentifier(dataDirectory);
  const lines = Object.entries({ ...defaultSettings(major), ...settings }).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  await appendFile(join(dataDirectory, 'postgresql.conf'), lines.join(''));
  return dataDirectory;
}

function defaultSettings(major: Major): Settings {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%a@%d ',
    wal_level: 'logical',
    max_wal_senders: '20',
    max_replication_slots: '40',
    // up to 17 the number of origins follows from the number of slots
    ...(major >= 18 ? { max_active_replication_origins: '40' } : {}),
    max_connections: '100',
    max_prepared_transactions: '10',
    track_commit_timestamp: 'on',
    shared_buffers: '32MB',
    // what a killed server has written is safe in the operating system; only a lost machine needs it
    fsync: 'off',
  };
}

const templates = new Map<Major, Promise<string>>();

function templateOf(major: Major): Promise<string> {
  let template = templates.get(major);
  if (!template) {
    template = findTemplate(major);
    templates.set(major, template);
  }
  return template;
}

async function findTemplate(major: Major): Promise<string> {
  const { initdb, version } = await postgresBinaries(major);
  const user = serverUser()?.uid ?? process.getuid?.() ?? 0;
  const recipe = [version, process.platform, process.arch, user, ...initdbOptions].join(' ');
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 8);
  const template = join(sharedFolder(), `data-${version}-${key}.tar`);
  if (existsSync(template)) return template;

  const { path, guardian } = createServerFolder(`initdb-${major}`);
  const unfinished = `${template}.${process.pid}`;
  try {
    await runAsServerUser(initdb, ['-D', join(path, 'data'), ...initdbOptions]);
    await promisify(execFile)('tar', ['-C', path, '-cf', unfinished, 'data']);
    await rename(unfinished, template);
  } finally {
    await rm(unfinished, { force: true });
    guardian.close();
  }
  return template;
}
