// How far a server's clock is from this host's, by halving round trips (as SNTP does, RFC 4330).
import type { Session } from '../../../postgres/session.ts';

export interface ClockOffset {
  /** Server minus this host: positive when the server's clock is ahead. */
  readonly offsetMs: number;
  /** The true offset is at most this far away: half of the shortest round trip. */
  readonly uncertaintyMs: number;
}

const samples = 5;

export async function readClock(session: Session, now: () => number): Promise<ClockOffset> {
  let best: ClockOffset | undefined;
  for (let i = 0; i < samples; i++) {
    const sentAt = now();
    const { at } = await session.one<{ at: string }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::text as at',
    );
    const uncertaintyMs = (now() - sentAt) / 2;
    if (best === undefined || uncertaintyMs < best.uncertaintyMs)
      best = { offsetMs: Number(at) - sentAt - uncertaintyMs, uncertaintyMs };
  }
  return best ?? { offsetMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY };
}
