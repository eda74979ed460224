// What brings out each build that is broken on purpose. Each must be noticed within a minute of load.
import type { BrokenBuild } from '../support/broken-build.ts';
import type { Options } from './options.ts';

type Provocation = Partial<
  Pick<
    Options,
    'topology' | 'majors' | 'workloads' | 'faults' | 'peaceMs' | 'clients' | 'keys' | 'restMs'
  >
>;

const minutes = 0.5;
const oneWay = { topology: 'single', majors: [18, 15], peaceMs: 2_500 } as const;
const meeting = {
  majors: [18, 15, 17],
  workloads: ['register', 'reborn', 'moving', 'rewrite', 'document'],
  faults: ['slow-network', 'partition', 'table-locked'],
  keys: 4,
} as const;
const rows = ['append', 'twin', 'register'];

const provocations: Partial<Record<BrokenBuild, Provocation>> = {
  // commits next to each other in the log, and a stream that begins between them
  'plus-one-confirm': {
    ...oneWay,
    workloads: ['linger'],
    faults: ['walsender-ended'],
    peaceMs: 1_000,
    clients: 4,
    restMs: 800,
  },
  'timer-confirms-received': {
    ...oneWay,
    workloads: rows,
    faults: ['table-locked', 'replicator-killed'],
    peaceMs: 5_000,
  },
  'keepalive-confirms-unapplied': {
    ...oneWay,
    workloads: rows,
    faults: ['table-locked', 'replicator-killed'],
    peaceMs: 5_000,
  },
  'keepalive-is-never-stored': { ...oneWay, workloads: rows, faults: ['server-fast-stop'] },
  'progress-outside-the-transaction': {
    ...oneWay,
    workloads: rows,
    faults: ['cut-at-byte'],
  },
  'progress-after-the-transaction': {
    ...oneWay,
    workloads: rows,
    faults: ['cut-at-byte'],
  },
  'no-dedupe-by-progress': {
    ...oneWay,
    workloads: rows,
    faults: ['replicator-killed', 'server-killed'],
    peaceMs: 7_000,
  },
  'resume-from-origin': {
    ...oneWay,
    majors: [18, 18],
    workloads: rows,
    faults: ['table-locked', 'applier-ended'],
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
  patienceMs: 30_000,
  ...provocations[name],
});
