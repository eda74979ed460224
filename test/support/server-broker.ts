// Lives in vitest's main process and starts the servers that test files share, on first demand: a
// run that needs only PostgreSQL 18 starts only that. The workers ask over HTTP.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OwnServer } from './own-server.ts';
import type { Major } from './postgres-binaries.ts';

/** What a worker needs to know of a shared server. */
export interface SharedServerAddress {
  url: string;
  folder: string;
}

export interface ServerBroker {
  url: string;
  close(): Promise<void>;
}

export async function startServerBroker(): Promise<ServerBroker> {
  const servers = new Map<string, Promise<OwnServer>>();
  /** Which process uses each set of servers. */
  const users: number[] = [];

  /** Taken over from a process that has ended, so from a test file that is over. */
  function setOf(pid: number): number {
    const known = users.indexOf(pid);
    if (known >= 0) return known;
    const free = users.findIndex((user) => !exists(user));
    const set = free >= 0 ? free : users.length;
    users[set] = pid;
    return set;
  }

  function serverFor(path: string): Promise<OwnServer> {
    const [, major, pid] = path.split('/');
    const name = `${setOf(Number(pid))}-${major}`;
    let server = servers.get(name);
    if (!server) {
      server = OwnServer.create({ major: Number(major) as Major, name: `shared-${name}` });
      servers.set(name, server);
    }
    return server;
  }

  const http = createServer((request, response) => {
    serverFor(request.url ?? '').then(
      (server) => {
        const address = { url: server.url('postgres'), folder: server.folder.path };
        response.end(JSON.stringify(address satisfies SharedServerAddress));
      },
      (error: Error) => response.writeHead(500).end(error.stack),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      http.closeAllConnections();
      http.close();
      const started = await Promise.allSettled(servers.values());
      await Promise.all(started.map((s) => s.status === 'fulfilled' && s.value.remove()));
    },
  };
}

/** What a test file asks for: one server per version and process, so that no two files share one at
 * the same time. Slots and origins belong to the whole server, so only then can a test tell its own.
 * Not by VITEST_POOL_ID: where one project follows another, two workers may have the same. */
export function pathOf(major: Major, pid: number): string {
  return `/${major}/${pid}`;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
