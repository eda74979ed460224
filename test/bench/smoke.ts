// The ratios that a change must not spoil: within one run on one machine, so that no absolute time
// matters.
import { readFile, writeFile } from 'node:fs/promises';
import type { Result } from './results.ts';

const file = new URL('ratios.json', import.meta.url);
/** A ratio may fall short by this share before it is called a loss. */
const tolerance = 0.3;

/** Above 1 when the second variant is better, by `workload: metric`. */
function ratiosOf(results: readonly Result[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const { workload, metric, figures } of results) {
    const ratio = figures[1]?.ratio;
    // Processor time and memory of so small a run say nothing.
    if (ratio === undefined || metric.wanted === undefined) continue;
    const advantage = metric.better === 'higher' ? ratio : 1 / ratio;
    ratios[`${workload}: ${metric.name}`] = Number(advantage.toFixed(2));
  }
  return ratios;
}

export async function writeRatios(results: readonly Result[]): Promise<void> {
  await writeFile(file, `${JSON.stringify(ratiosOf(results), null, 2)}\n`);
}

/** One line for each ratio that has fallen too far, or is not measured any more. */
export async function lostRatios(results: readonly Result[]): Promise<string[]> {
  const now = ratiosOf(results);
  const committed = JSON.parse(await readFile(file, 'utf8')) as Record<string, number>;
  return Object.entries(committed).flatMap(([name, before]) => {
    const ratio = now[name];
    if (ratio === undefined) return [`${name}: not measured, was ${before}`];
    return ratio < before * (1 - tolerance) ? [`${name}: ${ratio}, was ${before}`] : [];
  });
}
