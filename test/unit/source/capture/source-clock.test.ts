import { expect, test } from 'vitest';
import { parseCommitTime } from '../../../../src/model/commit-time.ts';
import type { Session } from '../../../../src/postgres/session.ts';
import { SourceClock } from '../../../../src/source/capture/source-clock.ts';

const noon = '2026-01-01 12:00:00.000001+00';
const later = '2026-01-01 12:00:05+00';

function clockOf(...readings: { time: string; lsn: string }[]): SourceClock {
  return new SourceClock({ one: async () => readings.shift() } as unknown as Session);
}

test('a time is seen where the WAL ended then, and not before', async () => {
  const clock = clockOf({ time: noon, lsn: '1/64' });
  expect(clock.seenAt(0x1_0000_0064n)).toBeUndefined();
  await clock.read();
  expect(clock.seenAt(0x1_0000_0063n)).toBeUndefined();
  expect(clock.seenAt(0x1_0000_0064n)).toBe(parseCommitTime(noon));
  expect(clock.seenAt(0x1_0000_0065n)).toBeUndefined();
});

test('a stream that is always behind comes to the end that was read first', async () => {
  const clock = clockOf({ time: noon, lsn: '0/64' }, { time: later, lsn: '0/C8' });
  await clock.read();
  await clock.read();
  expect(clock.seenAt(0x64n)).toBe(parseCommitTime(noon));
  await clock.read();
  expect(clock.seenAt(0x64n)).toBeUndefined();
  expect(clock.seenAt(0xc8n)).toBe(parseCommitTime(later));
});
