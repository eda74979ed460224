import { clockOff, clockSteppedBack } from './clock-faults.ts';
import type { Fault } from './fault.ts';
import { connectionsCut, cutAtByte, partitioned, refused, slowed } from './network-faults.ts';
import {
  replicatorFrozen,
  replicatorKilled,
  replicatorStopped,
  twoReplicators,
} from './replicator-faults.ts';
import {
  applierEnded,
  serverKilled,
  serverStoppedAtOnce,
  serverStoppedFast,
  tableLocked,
  walsenderEnded,
} from './server-faults.ts';

export const faults: readonly Fault[] = [
  replicatorKilled,
  replicatorStopped,
  replicatorFrozen,
  twoReplicators,
  serverKilled,
  serverStoppedFast,
  serverStoppedAtOnce,
  walsenderEnded,
  applierEnded,
  tableLocked,
  connectionsCut,
  cutAtByte,
  partitioned,
  refused,
  slowed,
  clockOff,
  clockSteppedBack,
];

export const faultNames: readonly string[] = faults.map(({ name }) => name);
