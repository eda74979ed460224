// A server that stops fast ends ordinary sessions first, and then waits until its walsender has sent
// everything and was told that it is durable. Whoever cannot have it any more must not hold that up: a
// target that is away, and the source itself where it is a target of its own stream.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '../model/lsn.ts';

/** How long it waits for targets that are there and cannot keep up. */
const longestMs = 3_000;
/** Nothing but keepalives for so long: nothing more will come. */
const quietMs = 200;
const lookMs = 20;

export interface Parting {
  readonly ended: AbortSignal;
  readonly received: () => Lsn;
  /** Those who are there have what came, and the server has asked. */
  readonly isDelivered: () => boolean;
}

/** Resolves when the stream has ended, or may be ended. */
export async function untilReleased({ ended, received, isDelivered }: Parting): Promise<void> {
  const began = performance.now();
  let quietSince = began;
  let last = received();
  while (!ended.aborted && performance.now() - began < longestMs) {
    const now = received();
    if (now !== last) quietSince = performance.now();
    last = now;
    if (performance.now() - quietSince > quietMs && isDelivered()) return;
    await sleep(lookMs, undefined, { signal: ended }).catch(() => {});
  }
}
