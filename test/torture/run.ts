// One run: set up, load and faults, heal, wait, look, take away.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding, LoggedConflict } from './checks/check.ts';
import { findAll } from './checks/find-all.ts';
import { checkConfirmed, checkLog, checkStill, checkTeardown } from './checks/still.ts';
import { startClients } from './clients.ts';
import { readConflicts } from './conflicts.ts';
import { Daemon } from './daemon.ts';
import { startFaults } from './faults/schedule.ts';
import { History } from './history.ts';
import { type Lag, measureLag } from './lag.ts';
import { leaveEvidence } from './leave-evidence.ts';
import { Master } from './master.ts';
import type { Options } from './options.ts';
import { gatherFacts } from './outcome.ts';
import { heal, type Quiet, untilQuiet } from './quiesce.ts';
import { workloads } from './workloads/workloads.ts';
import { tablesOf, type World, writeReplicatorFile } from './world.ts';

export interface Result {
  readonly options: Options;
  readonly folder: string;
  readonly history: History;
  readonly conflicts: readonly LoggedConflict[];
  readonly findings: readonly Finding[];
  readonly quiet: Quiet;
  readonly lag: Lag | undefined;
  readonly peakRssBytes: number;
  readonly starts: number;
  readonly hasFaketime: boolean;
}

/** `says` is told what happens now. */
export async function run(options: Options, says: (what: string) => void): Promise<Result> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), `torture-${options.seed}-`)));
  await mkdir(folder, { recursive: true });
  const chosen = workloads.filter(({ name }) => options.workloads.includes(name));
  says(
    `databases: ${options.majors.map((major, i) => `m${i + 1} = PostgreSQL ${major}`).join(', ')}`,
  );
  const starting = options.majors.map((major, i) => Master.start(i, major, chosen, folder));
  const started = await Promise.allSettled(starting);
  const masters = started.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  let world: World | undefined;
  let passed = false;
  try {
    await Promise.all(starting);
    const path = await writeReplicatorFile(
      folder,
      masters,
      options,
      tablesOf({ workloads: chosen }),
    );
    world = {
      options,
      folder,
      workloads: chosen,
      masters,
      written: options.topology === 'mesh' ? masters : masters.slice(0, 1),
      daemon: new Daemon(path, options.program === undefined ? {} : { program: options.program }),
      history: new History(join(folder, 'history.jsonl')),
      trouble: [],
    };
    const result = await torture(world, says);
    passed = result.findings.length === 0;
    return result;
  } finally {
    await world?.daemon.end();
    await world?.history.close();
    await Promise.all(masters.map((master) => master.remove()));
    // a history is kept where it is wanted, or needed
    if (passed && options.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function torture(world: World, says: (what: string) => void): Promise<Result> {
  const { options, daemon, history, masters } = world;
  const init = await daemon.command(['init'], 60_000);
  if (init.code !== 0) throw new Error(`init: ${init.stderr}`);
  daemon.start();

  says(`${options.minutes} minutes of clients and faults`);
  const clients = startClients(world);
  const faults = startFaults(world);
  await Promise.race([sleep(options.minutes * 60_000), clients.ended]);
  await faults.stop();
  await clients.stop();

  says('healed; waiting until all databases have everything');
  await heal(world);
  const quiet = await untilQuiet(world, options.patienceMs);
  history.note('quiet', quiet);

  says('looking at the outcome');
  const facts = await gatherFacts(world);
  const findings: Finding[] = [];
  if (quiet.missed !== undefined) findings.push({ check: 'never quiet', what: quiet.missed });
  const conflicts = await readConflicts(world);
  for (const finding of await findAll(world, facts, conflicts)) findings.push(finding);
  const lag = await measureLag(world, facts);
  for await (const finding of checkStill(world)) findings.push(finding);
  if (quiet.missed === undefined)
    for await (const finding of checkConfirmed(world)) findings.push(finding);
  for (const finding of checkLog(world)) findings.push(finding);
  if (findings.length > 0) await leaveEvidence(world);
  says('taking it away');
  for await (const finding of checkTeardown(world)) findings.push(finding);
  await writeFile(join(world.folder, 'findings.json'), JSON.stringify(findings, null, 2));
  return {
    options,
    folder: world.folder,
    history,
    conflicts,
    findings,
    quiet,
    lag,
    peakRssBytes: daemon.peakRssBytes,
    starts: daemon.starts,
    hasFaketime: masters.every(({ clockOffsetMs }) => clockOffsetMs !== undefined),
  };
}
