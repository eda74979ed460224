// Results as a table for people.
import type { Figure, Result } from './results.ts';

export function tableOf(results: readonly Result[]): string {
  const head = ['workload', 'figure', 'variant', 'median', 'spread', 'ratio', 'wanted'];
  const rows = results.flatMap(({ workload, metric, figures, met }) =>
    figures.map((figure, i) => [
      i === 0 ? workload : '',
      i === 0 ? `${metric.name} (${metric.unit})` : '',
      figure.variant,
      formatNumber(figure.median),
      `${Math.round(figure.spread * 100)} %`,
      formatRatio(figure),
      i === 1 ? wantedOf(metric, met) : '',
    ]),
  );
  const widths = head.map((title, i) =>
    Math.max(...[head, ...rows].map((r) => r[i]?.length ?? 0), title.length),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function formatRatio({ ratio }: Figure): string {
  return ratio === undefined ? '' : ratio.toFixed(2);
}

export function wantedOf(metric: Result['metric'], met: boolean | undefined): string {
  if (met === undefined) return '';
  const bound = metric.limit ?? metric.wanted;
  const sign = metric.better === 'higher' ? '≥' : '≤';
  return `${sign} ${bound}${metric.limit === undefined ? '' : ` ${metric.unit}`}${met ? '' : ' MISSED'}`;
}

/** Three significant digits, with thousands apart. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1_000) {
    const digits = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 2);
    return (Math.round(value / digits) * digits).toLocaleString('en-US');
  }
  return Number(value.toPrecision(3)).toString();
}
