// The first figure of every workload that was measured against native replication, as a bar from
// its ratio: to the right of the line we are better.
import type { Result } from './results.ts';

const row = 26;
const left = 190;
const width = 720;
/** The ratio at the right edge; a bar that would be longer ends there. */
const most = 2.5;

export function plot(results: readonly Result[]): string {
  const bars = barsOf(results);
  const height = bars.length * row + 60;
  const x = (advantage: number) => left + (Math.min(advantage, most) / most) * (width - left - 60);
  const shapes = bars.map(({ label, advantage }, i) => {
    const y = 36 + i * row;
    const [from, to] = [Math.min(x(1), x(advantage)), Math.max(x(1), x(advantage))];
    const colour = advantage >= 1 ? '#2e7d5b' : '#b5533c';
    return [
      `<text x="${left - 10}" y="${y + 13}" text-anchor="end">${label}</text>`,
      `<rect x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="18" fill="${colour}"/>`,
      `<text x="${(Math.max(x(1), x(advantage)) + 6).toFixed(1)}" y="${y + 13}">${advantage.toFixed(2)}</text>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${x(1).toFixed(1)}" y="20" text-anchor="middle">native = 1; to the right is better</text>`,
    ...shapes,
    `<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="28" y2="${height - 20}" stroke="#333"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function barsOf(results: readonly Result[]): { label: string; advantage: number }[] {
  const seen = new Set<string>();
  return results.flatMap(({ workload, metric, figures }) => {
    const [native, ours] = figures;
    if (native?.variant !== 'native' || ours?.ratio === undefined || seen.has(workload)) return [];
    seen.add(workload);
    const advantage = metric.better === 'higher' ? ours.ratio : 1 / ours.ratio;
    return [{ label: `${workload}: ${metric.name}`, advantage }];
  });
}
