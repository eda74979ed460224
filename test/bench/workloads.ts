// All workloads, in the order in which they are measured and shown.
import { replicateNatively } from './native.ts';
import { replicateWithOurs } from './ours.ts';
import {
  manyTables,
  narrowRows,
  oneTransaction,
  singleInserts,
  singleUpdates,
  tpcB,
  wideRows,
} from './shapes.ts';
import type { Layout } from './side.ts';
import type { Stage } from './stage.ts';
import type { Workload } from './workload.ts';
import { catchUp, oneWay, type Scene, type Variants } from './workloads/catch-up.ts';
import { latency } from './workloads/latency.ts';
import { fullLoad, heldLoad } from './workloads/steady-state.ts';

const scaleOf = (stage: Stage) => (stage.scale < 0.5 ? 2 : 20);

const fanOut = (targets: number): Variants => ({
  native: async (scene) => replicateNatively(scene.stage, await scene.oneWay(targets)),
  ours: async (scene) => replicateWithOurs(scene.stage, await scene.oneWay(targets)),
});

const masters = (count: number): Variants => ({
  native: async (scene) => replicateNatively(scene.stage, await scene.masters(count)),
  ours: async (scene) => replicateWithOurs(scene.stage, await scene.masters(count)),
});

/** The same load on one database; in the second variant the other may write as well. */
const latestAgainstSingleWriter: Variants = {
  'single writer': async (scene: Scene) => {
    const { sources } = await scene.masters(1);
    const targets = await scene.targets(1);
    return await replicateWithOurs(scene.stage, { sources, targets });
  },
  latest: async (scene: Scene) =>
    await replicateWithOurs(scene.stage, await onlyFirstWrites(scene)),
};

async function onlyFirstWrites(scene: Scene): Promise<Layout> {
  const { sources, targets } = await scene.masters(2);
  return { sources, targets, writers: sources.slice(0, 1) };
}

/** Four targets, and in the second variant a fifth whose server is down from start to end. */
const deadTarget: Variants = {
  'four targets': async (scene) => {
    const { sources } = await scene.masters(1);
    return await replicateWithOurs(scene.stage, { sources, targets: await scene.targets(4) });
  },
  'and a dead one': async (scene) => {
    const { sources } = await scene.masters(1);
    const fifth = await scene.database('third', 'dead target');
    const targets = [fifth, ...(await scene.targets(4))];
    const side = await replicateWithOurs(scene.stage, { sources, targets, dead: [fifth] });
    const { third } = scene.stage.servers;
    await third.stop();
    scene.stage.onClear(() => third.start());
    return side;
  },
};

const insertItems = (rows: number) =>
  `insert into item select (select coalesce(max(id), 0) from item) + i, i,
     'a note of some forty characters, number ' || i from generate_series(1, ${rows}) i`;

const bulkRows = { insert: 1_000_000, update: 500_000, delete: 300_000 };

export const workloads: readonly Workload[] = [
  catchUp({
    name: 'tpcb',
    what: 'a backlog of TPC-B transactions (3 updates, 1 insert)',
    shape: (stage) => tpcB(scaleOf(stage)),
    backlog: { transactions: 250_000 },
    wanted: 1.5,
    quick: true,
    smoke: true,
  }),
  catchUp({
    name: 'single-inserts',
    what: 'a backlog of transactions of one insert',
    shape: () => singleInserts,
    backlog: { transactions: 500_000 },
    wanted: 1,
    quick: true,
    smoke: true,
  }),
  catchUp({
    name: 'single-updates',
    what: 'a backlog of transactions of one update',
    shape: (stage) => singleUpdates(stage.amount(1_000_000)),
    backlog: { transactions: 500_000 },
    wanted: 1,
    quick: true,
  }),
  catchUp({
    name: 'bulk-insert',
    what: 'one transaction of 1,000,000 inserts',
    shape: () => oneTransaction(0),
    backlog: {
      rows: bulkRows.insert,
      sql: insertItems,
    },
    wanted: 0.8,
    quick: true,
    smoke: true,
  }),
  catchUp({
    name: 'bulk-update',
    what: 'one transaction of 500,000 updates',
    shape: (stage) => oneTransaction(stage.amount(bulkRows.update)),
    backlog: { rows: bulkRows.update, sql: () => 'update item set n = n + 1' },
    wanted: 1.2,
    quick: true,
  }),
  catchUp({
    name: 'bulk-delete',
    what: 'one transaction of 300,000 deletes',
    // Enough for the rounds of a run.
    shape: (stage) => oneTransaction(stage.amount(bulkRows.delete) * 10),
    backlog: {
      rows: bulkRows.delete,
      sql: (rows) => `delete from item where id in (select id from item order by id limit ${rows})`,
    },
    wanted: 1.2,
    quick: true,
  }),

  catchUp({
    name: 'bulk-10k',
    what: '50 transactions of 10,000 inserts',
    shape: () => oneTransaction(0),
    backlog: {
      rows: 500_000,
      sql: (rows) =>
        `do $$ begin
           for t in 1..${Math.ceil(rows / 10_000)} loop ${insertItems(10_000)}; commit; end loop;
         end $$`,
    },
  }),
  catchUp({
    name: 'bulk-10m',
    what: 'one transaction of 10,000,000 inserts',
    shape: () => oneTransaction(0),
    backlog: { rows: 10_000_000, sql: insertItems },
    rounds: 1,
    memoryLimit: 256,
  }),

  fullLoad,
  heldLoad,

  latency({
    name: 'latency',
    what: 'commit to visible, one way, idle',
    load: 0,
    variants: oneWay,
    wanted: { p50: 1.5, p99: 2 },
    quick: true,
  }),
  latency({
    name: 'latency-load',
    what: 'commit to visible, one way, beside 500 transactions/s',
    load: 500,
    variants: oneWay,
    wanted: { p99: 1 },
    quick: true,
  }),
  latency({
    name: 'latency-2-masters',
    what: 'commit to visible, two masters, beside 250 transactions/s on each',
    load: 250,
    masters: 2,
    variants: masters(2),
  }),
  latency({
    name: 'latency-3-masters',
    what: 'commit to visible, three masters, beside 150 transactions/s on each',
    load: 150,
    masters: 3,
    variants: masters(3),
  }),

  catchUp({
    name: 'both-ways',
    what: 'a backlog of TPC-B on two masters at once, rows apart',
    shape: (stage) => tpcB(scaleOf(stage), 2),
    backlog: { transactions: 100_000 },
    variants: masters(2),
  }),
  catchUp({
    name: 'conflicts',
    what: 'a backlog of TPC-B on two masters at once; in the second variant on the same rows',
    shape: (stage) => tpcB(scaleOf(stage), 2),
    backlog: { transactions: 100_000 },
    variants: {
      'rows apart': async (scene) => replicateWithOurs(scene.stage, await scene.masters(2)),
      'same rows': async (scene) =>
        replicateWithOurs(scene.stage, await scene.with(tpcB(scaleOf(scene.stage))).masters(2)),
    },
  }),
  catchUp({
    name: 'latest',
    what: 'a backlog of TPC-B on one database; in the second variant the other may write as well',
    shape: (stage) => tpcB(scaleOf(stage)),
    backlog: { transactions: 100_000 },
    variants: latestAgainstSingleWriter,
    // They differ by less than two rounds of one of them do.
    rounds: 8,
    wanted: 0.9,
    smoke: true,
  }),

  ...[2, 4].map((targets) =>
    catchUp({
      name: `targets-${targets}`,
      what: `a backlog of TPC-B to ${targets} targets`,
      shape: (stage) => tpcB(scaleOf(stage)),
      backlog: { transactions: 100_000 },
      variants: fanOut(targets),
    }),
  ),
  catchUp({
    name: 'dead-target',
    what: 'a backlog of TPC-B to four targets, without and with a fifth that is dead',
    shape: () => tpcB(2),
    backlog: { transactions: 50_000 },
    variants: deadTarget,
    wanted: 0.9,
  }),
  latency({
    name: 'latency-dead-target',
    what: 'commit to visible on one of four targets, without and with a fifth that is dead',
    load: 100,
    variants: deadTarget,
    wanted: { p50: 1.1, p99: 1.1 },
  }),

  ...[1, 10, 1_000].map((tables) =>
    catchUp({
      name: `tables-${tables}`,
      what: `a backlog of four inserts a transaction, over ${tables} tables`,
      shape: () => manyTables(tables),
      backlog: { transactions: 100_000 },
    }),
  ),
  catchUp({
    name: 'narrow-rows',
    what: 'a backlog of four inserts a transaction, 2 columns',
    shape: () => narrowRows,
    backlog: { transactions: 200_000 },
  }),
  catchUp({
    name: 'wide-rows',
    what: 'a backlog of four inserts a transaction, 41 columns',
    shape: () => wideRows(40),
    backlog: { transactions: 50_000 },
  }),
];
