import { expect, test } from 'vitest';
import { parseTimelineHistory } from '../../../src/model/timeline.ts';

test('where each earlier timeline was left', () => {
  const text = `1\t0/3000060\tno recovery target specified

# written by hand
2\t1A/F0\tbefore 2026-11-25 04:00:00+00
 4 \t 1B/0 \treached consistency
`;
  expect([...parseTimelineHistory(text)]).toEqual([
    [1n, 0x3000060n],
    [2n, 0x1a000000f0n],
    [4n, 0x1b00000000n],
  ]);
});

test('a first timeline has no history', () => {
  expect(parseTimelineHistory('').size).toBe(0);
});

test.each(['1', 'x\t0/1\t', '1 0x30\tnothing'])('%j is nothing that we know', (text) => {
  expect(() => parseTimelineHistory(text)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
});
