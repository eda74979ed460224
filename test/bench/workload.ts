// What is measured: a workload has variants that are measured in turn on the same servers and data,
// the first of which is what the others are compared with.
import type { Stage } from './stage.ts';

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** What the second variant's ratio to the first should reach, or not exceed if lower is better. */
  readonly wanted?: number;
  /** What the second variant must not exceed in itself. */
  readonly limit?: number;
}

/** By the metric's name; one that does not apply to a variant is left out. */
export type Figures = Readonly<Record<string, number>>;

/** A workload set up on a stage, everything paused. */
export interface Trial {
  /** Makes what the variants of one round are measured on. */
  prepareRound?(): Promise<void>;
  /** Leaves the variant paused. Throws UnequalTables when what it left cannot count. */
  measure(variant: string): Promise<Figures>;
}

export interface Workload {
  /** As `--only` names it. */
  readonly name: string;
  readonly what: string;
  readonly variants: readonly string[];
  readonly metrics: readonly Metric[];
  /** Takes part in `--quick`, and in `--smoke`. */
  readonly quick?: boolean;
  readonly smoke?: boolean;
  /** Instead of the run's, for what takes very long. */
  readonly rounds?: number;
  setUp(stage: Stage): Promise<Trial>;
}

export class UnequalTables extends Error {}
