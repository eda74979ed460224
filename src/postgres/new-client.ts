// A client of the driver that cannot end the process.
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { takeOver } from './take-over.ts';

export function newClient(config: pg.ClientConfig): pg.Client {
  const client = new pg.Client(config);
  // Without a listener a reset between two queries would.
  client.on('error', () => {});
  const { connection } = client as unknown as { connection: EventEmitter & { stream: Socket } };
  // So would what it throws of an answer that it does not know, such as a demand for GSSAPI.
  connection.once(config.ssl === false ? 'connect' : 'sslconnect', () => {
    const { stream } = connection;
    const driver = takeOver(stream, (bytes) => {
      try {
        driver(bytes);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
  });
  return client;
}
