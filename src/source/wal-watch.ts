// How much WAL a source keeps because of our slots, and for whom it keeps it no longer.
import type { Lsn } from '../model/lsn.ts';
import type { Look, SlotReading } from './look.ts';
import type { Seat } from './seat.ts';

export interface SlotLimits {
  readonly warnBytes: number;
  /** Undefined: never. */
  readonly giveUpBytes: number | undefined;
}

export function retainedBytes({ restartLsn }: SlotReading, walLsn: Lsn): bigint {
  return restartLsn > 0n && walLsn > restartLsn ? walLsn - restartLsn : 0n;
}

/**
 * Copies that are lost already, and those that cost more than may be: they keep that much WAL beyond
 * what the slot of all keeps, and their targets are that far behind. An open transaction, which holds
 * every slot alike, is nobody's fault: to drop a copy would not help.
 */
export function tooCostly({ slots, walLsn }: Look, { giveUpBytes }: SlotLimits): SlotReading[] {
  const main = slots.find(({ target }) => target === undefined);
  return slots.filter(({ target, found, recorded, lost, restartLsn, confirmedLsn }) => {
    if (target === undefined || !found || !recorded) return false;
    if (lost || giveUpBytes === undefined || main === undefined) return lost;
    return main.restartLsn - restartLsn >= giveUpBytes && walLsn - confirmedLsn >= giveUpBytes;
  });
}

/**
 * Those that must not hold the slot of all: who stands at its end when that is too far behind, and
 * whoever still has a copy that is. From there they can be given up, while the others lose nothing.
 */
export function thoseWhoMustLeave(
  { slots, walLsn }: Look,
  { giveUpBytes }: SlotLimits,
  seats: readonly Seat[],
): readonly Seat[] {
  if (giveUpBytes === undefined) return [];
  const behind = slots.filter(
    ({ found, confirmedLsn }) => found && walLsn - confirmedLsn >= giveUpBytes,
  );
  const isBehind = (of: string | undefined) => behind.some(({ target }) => target === of);
  const holders = isBehind(undefined) ? seats.filter(({ holdsStream }) => holdsStream) : [];
  const last = leastOf(holders);
  return seats.filter(
    (seat) => seat === last || (seat.hasCopy && isBehind(seat.subscriber.target)),
  );
}

function leastOf(seats: readonly Seat[]): Seat | undefined {
  const securedLsn = ({ subscriber }: Seat) => subscriber.securedLsn ?? 0n;
  let least = seats[0];
  for (const seat of seats)
    if (least === undefined || securedLsn(seat) < securedLsn(least)) least = seat;
  return least;
}
