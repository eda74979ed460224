// Sequences are not replicated. Where several databases insert, each must step on values of its
// own, or they give the same value to different rows.
import { writersOf } from '../../../config/writers.ts';
import { quoteTable } from '../../../postgres/identifiers.ts';
import { sourceEnds, type TableEnd } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import type { SequenceFacts } from '../read/read-sequences.ts';

export const sequences: Check = {
  name: 'sequences',
  category: 'conflict',
  find: (facts) => {
    const sources = new Map<string, TableEnd[]>();
    for (const end of sourceEnds(facts))
      sources.set(end.label, [...(sources.get(end.label) ?? []), end]);
    const found = [...sources].flatMap(([label, ends]) =>
      meetings(facts, ends).flatMap((writers) =>
        findCollisions(feedersByColumn(ends, writers), label),
      ),
    );
    return [...new Map(found.map((each) => [`${each.database} ${each.hint}`, each])).values()];
  },
};

/** Sets of databases whose rows come together somewhere; often the same set everywhere. */
function meetings({ config }: PreflightFacts, [end]: readonly TableEnd[]): string[][] {
  if (end === undefined) return [];
  const everywhere = [...config.databases.keys()].map((name) => writersOf(config, name, end.table));
  return [...new Map(everywhere.map((writers) => [writers.join(), writers])).values()];
}

interface Feeder {
  readonly database: string;
  readonly sequence: SequenceFacts;
}

/** For each column, the sequences of all databases whose rows meet. */
function feedersByColumn(ends: readonly TableEnd[], writers: readonly string[]): Feeder[][] {
  const columns = new Map<string, Feeder[]>();
  for (const { database, table } of ends) {
    if (!writers.includes(database.name)) continue;
    for (const sequence of table.sequences) {
      const feeders = columns.get(sequence.column) ?? [];
      feeders.push({ database: database.name, sequence });
      columns.set(sequence.column, feeders);
    }
  }
  return [...columns.values()];
}

function findCollisions(columns: readonly Feeder[][], table: string): Problem[] {
  return columns.flatMap((feeders) => {
    const collide = feeders.some((a, i) =>
      feeders.slice(i + 1).some((b) => canMeet(a.sequence, b.sequence)),
    );
    if (!collide) return [];
    return feeders.map(({ database, sequence }, i) => ({
      severity: 'warning',
      code: 'CONFIGURATION',
      database,
      table,
      column: sequence.column,
      message: `${database}: the sequence of ${table}.${sequence.column} (next ${sequence.next}, increment ${sequence.increment}) can give values that ${others(feeders, i)} gives too`,
      hint: separate(feeders, i),
    }));
  });
}

function others(feeders: readonly Feeder[], except: number): string {
  const names = feeders.filter((_, i) => i !== except).map(({ database }) => database);
  return names.join(' or ');
}

/** Whether two sequences can ever give the same value, from where they stand. */
export function canMeet(a: SequenceFacts, b: SequenceFacts): boolean {
  const [lowA, highA] = range(a);
  const [lowB, highB] = range(b);
  if (highA < lowB || highB < lowA) return false;
  // A sequence that starts over does not come back to the values that it stepped on.
  if (a.cycles || b.cycles) return true;
  return (a.next - b.next) % greatestCommonDivisor(a.increment, b.increment) === 0n;
}

function range({ next, increment, min, max, cycles }: SequenceFacts): [bigint, bigint] {
  if (cycles) return [min, max];
  return increment > 0n ? [next, max] : [min, next];
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}

/** Room for what is taken from the sequences until the statement is executed. */
const headroom = 1_000n;

/** Each database gets its own remainder, above everything that any of them has given. */
function separate(feeders: readonly Feeder[], i: number): string {
  const step = BigInt(feeders.length);
  let highest = 0n;
  for (const { sequence } of feeders) if (sequence.next > highest) highest = sequence.next;
  const base = ((highest + headroom) / step + 1n) * step;
  const sequence = feeders[i]?.sequence;
  if (sequence === undefined) return '';
  return `alter sequence ${quoteTable(sequence)} increment by ${step} restart with ${base + BigInt(i)}`;
}
