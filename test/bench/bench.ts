// `npm run bench`: the server's own logical replication and this program, measured in turn (A B,
// B A, …) on the same servers and data. See docs/performance.md for what the figures mean.
import { describeMachine } from './machine.ts';
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
  const chosen = workloads.filter((workload) => isChosen(workload, options));
  if (options.list || chosen.length === 0) {
    for (const { name, what } of workloads) process.stdout.write(`${name.padEnd(20)} ${what}\n`);
    return options.list ? 0 : 64;
  }
  const stage = await Stage.open(options.scale ?? (options.quick ? 0.02 : options.smoke ? 0.1 : 1));
  const results: Result[] = [];
  let failures = 0;
  try {
    for (const workload of chosen) {
      const rounds = options.rounds ?? (options.quick ? 1 : (workload.rounds ?? 4));
      try {
        results.push(...summarize(workload, await measure(stage, workload, rounds)));
      } catch (error) {
        failures += 1;
        const unequal = error instanceof UnequalTables;
        say(`${workload.name}: ${unequal ? 'DOES NOT COUNT, tables differ: ' : ''}${error}`);
      } finally {
        await stage.clear();
      }
    }
    const machine = await describeMachine(stage);
    const output = options.json ? JSON.stringify({ machine, results }, null, 2) : tableOf(results);
    process.stdout.write(`${output}\n`);
    if (failures > 0) return 1;
    if (options.write && options.smoke) await writeRatios(results);
    else if (options.write) await writePage(results, machine);
    else if (options.smoke) return await judge(results);
    return 0;
  } finally {
    await stage.close();
  }
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

async function judge(results: readonly Result[]): Promise<number> {
  const lost = await lostRatios(results);
  for (const line of lost) say(`slower than it was, beside native replication: ${line}`);
  return lost.length === 0 ? 0 : 1;
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
