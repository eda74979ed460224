// The socket of a stream, read into one buffer, over and over. The usual way is a new one of 64 KB for
// each read, and a walsender sends one small message at a time: that costs more than to decode it.
import { Socket } from 'node:net';

/** What one read gives at most. */
export const bufferBytes = 256 * 1024;

/** Not connected yet, as the driver wants it. What its `data` events give is valid during them only. */
export function streamSocket(): Socket {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const onread = {
    buffer,
    callback: (length: number): boolean => {
      socket.emit('data', buffer.subarray(0, length));
      return true;
    },
  };
  // Known to the constructor, though not to its types.
  const socket = new Socket({ onread } as ConstructorParameters<typeof Socket>[0]);
  return socket;
}
