// The built program with a file of its own: default settings.
import { eventually } from '../support/eventually.ts';
import { type ReplicatorProcess, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
import { type Layout, living, pairsOf, type Side } from './side.ts';
import type { Stage } from './stage.ts';

/** How long nothing must compare tables until it is taken to be over. */
const quietMs = 2_000;

let installations = 0;

export async function replicateWithOurs(stage: Stage, layout: Layout): Promise<Side> {
  const members = [
    ...layout.sources.map((database) => ({ database, member: source(database) })),
    ...layout.targets.map((database) => ({ database, member: target(database) })),
  ];
  // Slots and origins carry these names, and variants share servers.
  installations += 1;
  const nameOf = new Map(
    members.map(({ database }, i) => [database, `bench${installations}_${i + 1}`]),
  );
  const file = writeSyncFile(
    Object.fromEntries(members.map(({ database, member }) => [nameOf.get(database), member])),
  );
  const command = async (name: string) => {
    const { code, stderr } = await runCli([name, '-c', file], { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`${name}: ${stderr}`);
  };
  await command('init');
  stage.onClear(() => command('teardown'));

  let running: ReplicatorProcess | undefined;
  const side: Side = {
    layout,
    get pid() {
      return running?.pid;
    },
    async start() {
      const replicator = startReplicator(file);
      running = replicator;
      const alive = living(layout);
      for (const { from, to } of pairsOf(layout))
        if (alive.includes(to))
          await replicator.waitForLog(
            (line) =>
              line['subscription'] === `${nameOf.get(from)}:${nameOf.get(to)}` &&
              line['state'] === 'streaming',
            { timeoutMs: 300_000 },
          );
    },
    async pause() {
      const replicator = running;
      running = undefined;
      await replicator?.stop(60_000);
    },
  };
  stage.onClear(() => side.pause());
  // The first start looks whether the tables are equal, as they are taken for.
  await side.start();
  await untilCompared(layout);
  await side.pause();
  return side;
}

async function untilCompared(layout: Layout): Promise<void> {
  let quietSince = performance.now();
  await eventually(
    async () => {
      for (const { server } of layout.sources) {
        const comparing = await server.query(
          'postgres',
          `select from pg_stat_activity where application_name like 'replicator/%/compare'`,
        );
        if (comparing.length > 0) quietSince = performance.now();
      }
      return performance.now() - quietSince > quietMs;
    },
    { timeoutMs: 600_000, what: 'the end of the first comparison' },
  );
}
