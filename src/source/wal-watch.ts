// How much WAL a source keeps because of our slots, and for whom it keeps it no longer.
import type { Lsn } from '../model/lsn.ts';
import type { Look, SlotReading } from './look.ts';

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

/** The slot of all is so far behind that whoever holds it must get a slot of his own. */
export function isHeldBack({ slots, walLsn }: Look, { giveUpBytes }: SlotLimits): boolean {
  const main = slots.find(({ target }) => target === undefined);
  if (giveUpBytes === undefined || main?.found !== true) return false;
  return walLsn - main.confirmedLsn >= giveUpBytes;
}
