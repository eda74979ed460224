import { expect, test, vi } from 'vitest';
import { encodeStandbyStatus } from '../../../../src/source/capture/standby-status.ts';

const status = { receivedLsn: 0x16_b374_d848n, flushedLsn: 2n ** 64n - 1n, appliedLsn: 0n };

test('34 bytes: the letter, three positions to the byte, the time and the flag', () => {
  vi.useFakeTimers({ now: Date.UTC(2038, 0, 19, 3, 14, 8, 7) });
  const message = encodeStandbyStatus(status);
  vi.useRealTimers();
  expect(message).toHaveLength(34);
  expect(message.toString('latin1', 0, 1)).toBe('r');
  // not one more: that would confirm the first byte of a commit that follows directly
  expect(message.readBigUInt64BE(1)).toBe(status.receivedLsn);
  expect(message.readBigUInt64BE(9)).toBe(status.flushedLsn);
  expect(message.readBigUInt64BE(17)).toBe(status.appliedLsn);
  // microseconds since 2000
  expect(message.readBigInt64BE(25)).toBe((2n ** 31n - 946_684_800n) * 1_000_000n + 7_000n);
  expect(message.readUInt8(33)).toBe(0);
});

test('a reply is asked for only on request', () => {
  expect(encodeStandbyStatus(status, true).readUInt8(33)).toBe(1);
});
