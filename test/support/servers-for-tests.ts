// Which PostgreSQL versions this run uses, and the servers that its test files share.
import { inject } from 'vitest';
import { type Major, supportedMajors } from './postgres-binaries.ts';
import type { PostgresServer } from './postgres-server.ts';
import { RunningServer, runningServerUrl } from './running-server.ts';
import { pathOf, type SharedServerAddress } from './server-broker.ts';
// for the type of what the setup provides
import type {} from './servers.setup.ts';

/** Ascending. TEST_PG_MAJORS=13,14,15,16,17,18 is the whole matrix. */
export const majors: Major[] = (process.env['TEST_PG_MAJORS'] ?? '13,15,18')
  .split(',')
  .map(toMajor)
  .sort((a, b) => a - b);

export const oldest = majors[0] as Major;
export const middle = majors[Math.floor(majors.length / 2)] as Major;
export const newest = majors.at(-1) as Major;

const servers = new Map<Major, Promise<PostgresServer>>();

/**
 * A server that this test file has to itself while it runs, and that other files use after it: it
 * cannot be stopped or set, and nothing may be left on it. See startServer() for one of your own.
 */
export function sharedServer(major: Major): Promise<PostgresServer> {
  let server = servers.get(major);
  if (!server) {
    server = findServer(major);
    servers.set(major, server);
  }
  return server;
}

async function findServer(major: Major): Promise<PostgresServer> {
  const url = runningServerUrl(major);
  if (url) return new RunningServer({ major, url, why: `TEST_PG_${major} is a running server` });
  const response = await fetch(inject('serverBroker') + pathOf(major, process.pid));
  if (!response.ok) throw new Error(await response.text());
  const address = (await response.json()) as SharedServerAddress;
  return new RunningServer({ major, ...address, why: 'other test files share this server' });
}

function toMajor(text: string): Major {
  const major = supportedMajors.find((supported) => String(supported) === text.trim());
  if (!major) throw new Error(`TEST_PG_MAJORS: ${text} is none of ${supportedMajors.join(', ')}`);
  return major;
}
