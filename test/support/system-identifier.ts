// Servers that are copies of one template would share its system identifier, and replicator takes
// databases with one identifier for databases of one server. pg_resetwal could change it, but is
// not among the programs that we have.
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function renewSystemIdentifier(dataDirectory: string): Promise<void> {
  const identifier = newIdentifier();
  await writeControlFile(join(dataDirectory, 'global/pg_control'), identifier);
  const walFolder = join(dataDirectory, 'pg_wal');
  for (const name of await readdir(walFolder)) {
    if (/^[0-9A-F]{24}$/.test(name)) await writeWalSegment(join(walFolder, name), identifier);
  }
}

/** Made of the time and the pid, as BootStrapXLOG() does. */
function newIdentifier(): bigint {
  const nowUs = BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000));
  const seconds = nowUs / 1_000_000n;
  return (seconds << 32n) | ((nowUs % 1_000_000n) << 12n) | BigInt(process.pid & 0xfff);
}

/** ControlFileData begins with the identifier and ends with a CRC of all before it. */
async function writeControlFile(path: string, identifier: bigint): Promise<void> {
  const bytes = await readFile(path);
  const crcOffset = findCrc(bytes);
  bytes.writeBigUInt64LE(identifier, 0);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcOffset)), crcOffset);
  await writeFile(path, bytes);
}

/** Where the CRC is depends on the major version; it is the place where it is right. */
function findCrc(bytes: Buffer): number {
  for (let offset = 200; offset < 512; offset += 4) {
    if (bytes.readUInt32LE(offset) === crc32c(bytes.subarray(0, offset))) return offset;
  }
  throw new Error('no CRC found in pg_control');
}

/** The long header of a segment's first page repeats the identifier (XLogLongPageHeaderData). */
async function writeWalSegment(path: string, identifier: bigint): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(identifier);
    await file.write(bytes, 0, 8, 24);
  } finally {
    await file.close();
  }
}

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
