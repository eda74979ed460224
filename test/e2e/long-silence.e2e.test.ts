// A network that swallows everything for long, or that forgets its connections, without a word: it is
// found out, and all goes on at full speed within seconds of its end.
import { describe, expect, test } from 'vitest';
import { recoverFrom, type Silence, silences } from './scenarios/silence.ts';

// Longer than anything of ours waits. SILENCE_MINUTES=10 is what a person would call long.
const minutes = Number(process.env['SILENCE_MINUTES'] || 1.25);

// They wait most of the time, each on a server of its own.
describe.concurrent.each(['source', 'target'] as const)('the network to the %s', (which) => {
  const those = (Object.keys(silences) as Silence[]).filter(
    (silence) => which === 'source' || !silence.includes('move'),
  );
  test.each(those)(
    '%s',
    async (silence) => {
      const { caughtUpMs, fullSpeedMs } = await recoverFrom(silence, which, minutes * 60_000);
      const seconds = [caughtUpMs, fullSpeedMs].map((ms) => (ms / 1_000).toFixed(1));
      console.info(
        `${which}, ${silence}: caught up and at full speed after ${seconds.join(', ')} s`,
      );
      expect(fullSpeedMs).toBeLessThan(45_000);
    },
    minutes * 60_000 + 180_000,
  );
});
