// A moment that lasts for less than a millisecond: when the daemon is told what a statement gave.
import type { TcpProxy } from '../../support/proxy.ts';

/** Resolves once `act` was called, before the reply to the next statement with this text passes. */
export async function atReplyTo(proxy: TcpProxy, text: string, act: () => void): Promise<void> {
  let asking: unknown;
  await new Promise<void>((resolve) => {
    proxy.onClientData = (chunk, connection) => {
      if (chunk.includes(text)) asking ??= connection;
      return undefined;
    };
    proxy.onServerData = (_, connection) => {
      if (connection !== asking) return undefined;
      proxy.onClientData = undefined;
      proxy.onServerData = undefined;
      act();
      resolve();
      return undefined;
    };
  });
}

/** What every move of a target begins with: it locks the lease. */
export const beginOfMove = 'from replicator.lease where epoch = $1';
