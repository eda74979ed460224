import { createServer } from 'node:net';

// Below the ranges from which Linux (32768) and macOS (49152) take the ports of outgoing
// connections: a server that is down keeps its port to itself, and a client that knocks there again
// and again cannot be given that very port and connect to itself.
const lowest = 20_000;
const highest = 32_000;

/** Nobody listens there now. Somebody may a moment later: who takes it must be ready to try again. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
