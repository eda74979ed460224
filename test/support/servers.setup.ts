// vitest's globalSetup of every project that needs servers. Each project runs it; they share one
// broker, which the last of them closes.
import type { TestProject } from 'vitest/node';
import { type ServerBroker, startServerBroker } from './server-broker.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverBroker: string;
  }
}

// each project loads this module anew
const shared = globalThis as { replicatorTestServers?: { broker: ServerBroker; users: number } };

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.replicatorTestServers ??= { broker: await startServerBroker(), users: 0 };
  const { replicatorTestServers } = shared;
  replicatorTestServers.users++;
  project.provide('serverBroker', replicatorTestServers.broker.url);

  return async () => {
    replicatorTestServers.users--;
    if (replicatorTestServers.users > 0) return;
    delete shared.replicatorTestServers;
    await replicatorTestServers.broker.close();
  };
}
