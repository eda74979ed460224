// What a proxy hook needs to know of the protocol that passes through it:
// https://www.postgresql.org/docs/current/protocol-message-formats.html

/** Where each message of a chunk ends; the chunk must begin with one. */
export function messageEnds(chunk: Buffer): number[] {
  const ends: number[] = [];
  let end = 0;
  while (end + 5 <= chunk.length) {
    end += 1 + chunk.readUInt32BE(end + 1);
    ends.push(Math.min(end, chunk.length));
  }
  return ends;
}

/** The flush positions in a client's standby status updates ('r' in CopyData). */
export function confirmedPositions(chunk: Buffer): bigint[] {
  const found: bigint[] = [];
  let start = 0;
  for (const end of messageEnds(chunk)) {
    if (chunk[start] === 0x64 && chunk[start + 5] === 0x72 && end - start === 39)
      found.push(chunk.readBigUInt64BE(start + 14));
    start = end;
  }
  return found;
}
