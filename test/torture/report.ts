// The figures of a run, for people.
import type { Result } from './run.ts';

const shown = 8;

export function report(result: Result): string {
  const { history, findings, conflicts, quiet, lag } = result;
  const lines = [
    '',
    `operations   ${countBy(history.operations, ({ outcome }) => outcome)}`,
    `  of them    ${countBy(history.operations, ({ workload }) => workload)}`,
    `faults       ${tally(history.faults) || 'none'}`,
    ...(result.hasFaketime
      ? []
      : ['             clocks were left alone: there is no libfaketime here']),
    `conflicts    ${countBy(conflicts, (c) => `${c.conflict} ${c.resolution}`) || 'none'}`,
    `starts       ${result.starts} of the replicator, at most ${megabytes(result.peakRssBytes)}`,
    `quiet after  ${quiet.seconds.toFixed(1)} s${quiet.missed === undefined ? '' : ': never'}`,
    `lag          ${lag ? describeLag(lag) : 'not measured'}`,
    `found        ${['lost', 'doubled', 'diverged'].map((check) => `${number(result, check)} ${check}`).join(', ')}` +
      others(result),
    '',
  ];
  for (const finding of findings.slice(0, shown)) lines.push(`  ${finding.check}: ${finding.what}`);
  if (findings.length > shown) lines.push(`  and ${findings.length - shown} more`);
  if (findings.length > 0) lines.push(`  all of it in ${result.folder}`, '');
  lines.push(`${findings.length === 0 ? 'passed' : 'FAILED'}: ${replay(result)}`);
  return lines.join('\n');
}

/** What repeats the choices of this run. */
export function replay({ options }: Pick<Result, 'options'>): string {
  return (
    `npm run torture -- --minutes ${options.minutes} --seed ${options.seed}` +
    ` --majors ${options.majors.join(',')} --topology ${options.topology} --rows ${options.rows}`
  );
}

const number = ({ findings }: Result, check: string): number =>
  findings.filter((finding) => finding.check === check).length;

function others({ findings }: Result): string {
  const rest = findings.filter(({ check }) => !['lost', 'doubled', 'diverged'].includes(check));
  return rest.length === 0 ? '' : `, ${countBy(rest, ({ check }) => check)}`;
}

function countBy<T>(things: readonly T[], of: (thing: T) => string): string {
  const counts = new Map<string, number>();
  for (const thing of things) counts.set(of(thing), (counts.get(of(thing)) ?? 0) + 1);
  return tally(counts);
}

const tally = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, n]) => `${n} ${name}`)
    .join(', ');

const describeLag = (lag: NonNullable<Result['lag']>): string =>
  `p50 ${lag.p50Ms.toFixed(1)} ms, p95 ${lag.p95Ms.toFixed(0)} ms, p99 ${lag.p99Ms.toFixed(0)} ms, ` +
  `at most ${lag.maxMs.toFixed(0)} ms (${lag.samples} rows, with all faults)`;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`;
