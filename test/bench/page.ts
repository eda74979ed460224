// docs/performance.md: what is between its two marks is written here, the rest by hand.
import { readFile, writeFile } from 'node:fs/promises';
import type { Measured } from './measured.ts';
import { plot } from './plot.ts';
import { formatNumber, formatRatio, wantedOf } from './report.ts';

const page = new URL('../../docs/performance.md', import.meta.url);
const picture = new URL('../../docs/performance.svg', import.meta.url);
const marks = { begin: '<!-- measured: begin -->', end: '<!-- measured: end -->' };

export async function writePage(measured: Measured): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [before, rest] = cut(text, marks.begin);
  const [, after] = cut(rest, marks.end);
  const between = `${marks.begin}\n\n${section(measured)}\n\n${marks.end}`;
  await writeFile(page, `${before}${between}${after}`);
  await writeFile(picture, plot(measured.results));
}

function section({ results, machine }: Measured): string {
  const { processor, cores, memoryGb, system, node, postgres, settings } = machine;
  const days = [...new Set(results.map(({ day }) => day))].sort();
  const lines = [
    '![Ratios to native replication](performance.svg)',
    '',
    `Measured on ${days.join(', ')}: ${processor}, ${cores} cores, ${memoryGb} GiB, ${system}; Node.js ${node}, PostgreSQL ${postgres} with`,
    `${Object.entries(settings)
      .map(([name, value]) => `\`${name} = ${value}\``)
      .join(', ')}.`,
    'Servers, load, observer and replicator share the cores.',
  ];
  for (const workload of new Set(results.map((result) => result.workload))) {
    const of = results.filter((result) => result.workload === workload);
    lines.push('', `### ${workload}`, '', `${capital(of[0]?.what ?? '')}.`, '');
    lines.push(
      '| figure | variant | median | spread | ratio | wanted |',
      '|---|---|--:|--:|--:|---|',
    );
    for (const { metric, figures, met } of of)
      for (const [i, figure] of figures.entries())
        lines.push(
          `| ${i === 0 ? `${metric.name}, ${metric.unit}` : ''} | ${figure.variant} | ${formatNumber(figure.median)} | ` +
            `${Math.round(figure.spread * 100)} % | ${formatRatio(figure)} | ${i === 1 ? wantedOf(metric, met) : ''} |`,
        );
  }
  return lines.join('\n');
}

function cut(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`docs/performance.md has no ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
