// What brings out each build that is broken on purpose. Each must be noticed within a minute of load.
import type { BrokenBuild } from '../support/broken-build.ts';
import type { Options } from './options.ts';

type Provocation = Partial<
  Pick<
    Options,
    'topology' | 'majors' | 'workloads' | 'faults' | 'peaceMs' | 'clients' | 'keys' | 'keysLastMs'
  >
>;

const minutes = 0.4;
const oneWay = { topology: 'single', majors: [18, 15], peaceMs: 2_500 } as const;
const meeting = {
  majors: [18, 15, 17],
  workloads: ['register', 'reborn', 'moving', 'rewrite', 'document'],
  faults: ['slow-network', 'partition', 'table-locked'],
  keys: 4,
  keysLastMs: 500,
} as const;
const rows = ['append', 'twin', 'register'];
/** When the stream begins anew. */
const oneIsBehind = {
  ...oneWay,
  majors: [18, 15, 17],
  workloads: rows,
  faults: ['table-locked', 'replicator-killed'],
} as const;

const provocations: Partial<Record<BrokenBuild, Provocation>> = {
  // commits next to each other in the log, and a stream that begins between them; whoever only loses
  // its stream would write its state into the log first
  'plus-one-confirm': {
    ...oneWay,
    workloads: ['linger'],
    faults: ['replicator-killed'],
    peaceMs: 6_000,
    clients: 4,
  },
  // one of two targets goes on, and so does what is confirmed
  'timer-confirms-received': oneIsBehind,
  'keepalive-confirms-unapplied': oneIsBehind,
  'keepalive-is-never-stored': { ...oneWay, workloads: rows, faults: ['server-fast-stop'] },
  'progress-outside-the-transaction': {
    ...oneWay,
    workloads: rows,
    faults: ['cut-at-byte'],
  },
  'progress-after-the-transaction': {
    ...oneWay,
    workloads: rows,
    faults: ['applier-ended', 'cut-at-byte'],
    peaceMs: 1_500,
  },
  'no-dedupe-by-progress': oneIsBehind,
  'resume-from-origin': {
    ...oneWay,
    majors: [18, 18],
    workloads: rows,
    faults: ['table-locked'],
    peaceMs: 1_000,
  },
  'refused-batch-is-skipped': { ...oneWay, workloads: rows, faults: ['table-locked'] },
  'merged-stamps': meeting,
  'no-tombstones': meeting,
  'no-own-stream': meeting,
  'no-target-lock': meeting,
  'values-are-not-claimed': { ...meeting, workloads: ['unique'] },
  'conflicts-are-not-logged': meeting,
  'last-to-arrive-wins': meeting,
};

/** The others are for tests of their own (test/e2e/broken-builds.e2e.test.ts). */
export const provokedBuilds = Object.keys(provocations) as BrokenBuild[];

export const provoked = (name: BrokenBuild, options: Options): Options => ({
  ...options,
  minutes,
  patienceMs: 20_000,
  ...provocations[name],
});
