// What the driver has read of a socket, read before it.
import type { Socket } from 'node:net';

export type ReadBytes = (bytes: Buffer) => void;

/**
 * From now on `read` is given what a socket has read, and the driver nothing. Returns how to give the
 * driver something all the same. Before the first byte, or the driver would be left with half a message.
 */
export function takeOver(socket: Socket, read: ReadBytes): ReadBytes {
  const driver = socket.listeners('data') as ReadBytes[];
  for (const listener of driver) socket.off('data', listener);
  socket.on('data', read);
  return (bytes) => {
    for (const listener of driver) listener.call(socket, bytes);
  };
}
