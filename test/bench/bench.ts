// `npm run bench`: the server's own logical replication and this program, measured in turn (A B,
// B A, …) on the same servers and data. See docs/performance.md for what the figures mean.
import { describeMachine, type Machine } from './machine.ts';
import { keep } from './measured.ts';
import { type Options, readOptions } from './options.ts';
import { writePage } from './page.ts';
import { tableOf } from './report.ts';
import { type Result, type Round, summarize } from './results.ts';
import { lostRatios, writeRatios } from './smoke.ts';
import { Stage } from './stage.ts';
import { UnequalTables, type Workload } from './workload.ts';
import { workloads } from './workloads.ts';

/** What is said while it runs; the results alone go to standard output. */
const say = (text: string) => process.stderr.write(`${text}\n`);

async function run(options: Options): Promise<number> {
  if (options.list) {
    for (const { name, what } of workloads) process.stdout.write(`${name.padEnd(20)} ${what}\n`);
    return 0;
  }
  const unknown = options.only.find(
    (pattern) => !workloads.some(({ name }) => matches(name, pattern)),
  );
  if (unknown !== undefined) {
    say(`no workload is called ${unknown}: see npm run bench -- --list`);
    return 64;
  }
  const chosen = workloads.filter((workload) => isChosen(workload, options));
  const stage = await Stage.open(options.scale ?? (options.quick ? 0.02 : options.smoke ? 0.1 : 1));
  try {
    const machine = await describeMachine(stage);
    const { results, failures } = await measureAll(stage, machine, chosen, options);
    const output = options.json ? JSON.stringify({ machine, results }, null, 2) : tableOf(results);
    process.stdout.write(`${output}\n`);
    if (failures > 0) return 1;
    if (!options.smoke) return 0;
    if (options.write) await writeRatios(results);
    else if (await isSlower(results)) {
      // a machine may have been busy for a while: what was measured twice counts
      say('once more');
      const again = await measureAll(stage, machine, chosen, options);
      return again.failures > 0 || (await isSlower(again.results)) ? 1 : 0;
    }
    return 0;
  } finally {
    await stage.close();
  }
}

/** What fails or leaves the databases unequal is told and has no results. */
async function measureAll(
  stage: Stage,
  machine: Machine,
  chosen: readonly Workload[],
  options: Options,
): Promise<{ results: Result[]; failures: number }> {
  const { quick } = options;
  const names = workloads.map(({ name }) => name);
  const results: Result[] = [];
  let failures = 0;
  for (const workload of chosen) {
    const rounds = options.rounds ?? (quick ? 1 : (workload.rounds ?? 4));
    try {
      const figures = summarize(workload, await measure(stage, workload, rounds));
      // Small amounts say whether it works; what is wanted is wanted of full ones.
      results.push(...figures.map((figure) => (quick ? { ...figure, met: undefined } : figure)));
      // at once: a run of all takes an hour
      if (options.write && !options.smoke) await writePage(await keep(figures, machine, names));
    } catch (error) {
      failures += 1;
      const unequal = error instanceof UnequalTables;
      say(`${workload.name}: ${unequal ? 'DOES NOT COUNT, tables differ: ' : ''}${error}`);
    } finally {
      await stage.clear();
    }
  }
  return { results, failures };
}

async function measure(stage: Stage, workload: Workload, rounds: number): Promise<Round[]> {
  say(`${workload.name}: ${workload.what}`);
  const trial = await workload.setUp(stage);
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    await trial.prepareRound?.();
    // Whoever comes second finds warmer caches: by turns.
    const order = round % 2 === 1 ? workload.variants : [...workload.variants].reverse();
    for (const variant of order) {
      const figures = await trial.measure(variant);
      const first = workload.metrics[0];
      say(
        `  ${round} ${variant}: ${first?.name} ${figures[first?.name ?? '']?.toFixed(2)} ${first?.unit}`,
      );
      done.push({ variant, figures });
    }
  }
  return done;
}

async function isSlower(results: readonly Result[]): Promise<boolean> {
  const lost = await lostRatios(results);
  for (const line of lost) say(`slower than it was, beside native replication: ${line}`);
  return lost.length > 0;
}

function isChosen({ name, quick, smoke }: Workload, options: Options): boolean {
  if (options.only.length > 0) return options.only.some((pattern) => matches(name, pattern));
  if (options.quick) return quick === true;
  return options.smoke ? smoke === true : true;
}

function matches(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

process.exitCode = await run(await readOptions(process.argv.slice(2)));
