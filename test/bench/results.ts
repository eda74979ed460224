// Figures of all rounds to what is shown of them.
import { median, spread } from './statistics.ts';
import type { Figures, Metric, Workload } from './workload.ts';

export interface Round {
  readonly variant: string;
  readonly figures: Figures;
}

export interface Figure {
  readonly variant: string;
  readonly median: number;
  /** (highest − lowest) / median. */
  readonly spread: number;
  readonly rounds: readonly number[];
  /**
   * To the first variant, above 1 when it is more: the median of the rounds' ratios, as what a machine does from
   * one minute to the next is in both variants of a round. Undefined for the first.
   */
  readonly ratio: number | undefined;
}

export interface Result {
  readonly workload: string;
  readonly what: string;
  readonly metric: Metric;
  readonly figures: readonly Figure[];
  /** Undefined where nothing is wanted. */
  readonly met: boolean | undefined;
}

/** One result per metric, the variants in the workload's order. */
export function summarize(workload: Workload, rounds: readonly Round[]): Result[] {
  return workload.metrics.flatMap((metric) => {
    const figures: Figure[] = [];
    for (const variant of workload.variants) {
      const values = rounds
        .filter((round) => round.variant === variant)
        .flatMap(({ figures }) => figures[metric.name] ?? []);
      if (values.length === 0) continue;
      const base = figures[0]?.variant === workload.variants[0] ? figures[0] : undefined;
      figures.push({
        variant,
        median: median(values),
        spread: spread(values),
        rounds: values,
        ratio: base && median(values.map((value, i) => value / (base.rounds[i] ?? Number.NaN))),
      });
    }
    if (figures.length === 0) return [];
    const { name, what } = workload;
    return [{ workload: name, what, metric, figures, met: isMet(metric, figures, workload) }];
  });
}

function isMet(
  metric: Metric,
  figures: readonly Figure[],
  workload: Workload,
): boolean | undefined {
  const second = figures.find(({ variant }) => variant === workload.variants[1]);
  if (metric.limit !== undefined) return second && second.median <= metric.limit;
  if (metric.wanted === undefined || second?.ratio === undefined) return undefined;
  return metric.better === 'higher' ? second.ratio >= metric.wanted : second.ratio <= metric.wanted;
}
