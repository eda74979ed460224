// How far a slot may be confirmed, and what its holders have: pure.
import { type Lsn, maxLsn, minLsn } from '../model/lsn.ts';
import type { Subscriber } from './subscriber.ts';

export interface SlotPositions {
  readonly confirmedLsn: Lsn;
  readonly receivedLsn: Lsn;
}

/** The least that every holder has durably; it never moves back. Without any, all that was read. */
export function confirmable(
  holders: readonly Pick<Subscriber, 'securedLsn'>[],
  { confirmedLsn, receivedLsn }: SlotPositions,
): Lsn {
  let least: Lsn | undefined;
  for (const { securedLsn } of holders) {
    if (securedLsn === undefined) return confirmedLsn;
    least = least === undefined ? securedLsn : minLsn(least, securedLsn);
  }
  return maxLsn(confirmedLsn, least ?? receivedLsn);
}

/** Nothing before it waits to be applied; what is not known of a holder is what was confirmed. */
export function appliedByAll(
  holders: readonly Pick<Subscriber, 'appliedLsn'>[],
  { confirmedLsn, receivedLsn }: SlotPositions,
): Lsn {
  let least = receivedLsn;
  for (const { appliedLsn } of holders) least = minLsn(least, appliedLsn ?? confirmedLsn);
  return maxLsn(least, confirmedLsn);
}
