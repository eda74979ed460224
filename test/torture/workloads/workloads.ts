import { append, bulk, linger, twin } from './append.ts';
import { document } from './document.ts';
import { family } from './family.ts';
import { moving, reborn } from './reborn.ts';
import { counter, register, rewrite } from './register.ts';
import { unique } from './unique.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  append,
  linger,
  twin,
  bulk,
  register,
  rewrite,
  counter,
  reborn,
  moving,
  unique,
  family,
  document,
];
