// Durations and sizes as postgresql.conf writes them: `500ms`, `10s`, `64MB`; sizes count in 1024.
// https://www.postgresql.org/docs/current/config-setting.html

interface Scale {
  readonly examples: string;
  /** From small to large. */
  readonly units: ReadonlyMap<string, number>;
}

const durations: Scale = {
  examples: '10s or 500ms',
  units: new Map([
    ['ms', 1],
    ['s', 1_000],
    ['min', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  ]),
};

const sizes: Scale = {
  examples: '64MB or 512kB',
  units: new Map([
    ['B', 1],
    ['kB', 1024],
    ['MB', 1024 ** 2],
    ['GB', 1024 ** 3],
    ['TB', 1024 ** 4],
  ]),
};

/** Milliseconds of `10s`. Throws RangeError, its message a phrase that begins with "must". */
export const parseDurationMs = (text: string): number => parse(text, durations);

export const formatDuration = (durationMs: number): string => format(durationMs, durations);

/** Bytes of `64MB`. Throws RangeError, its message a phrase that begins with "must". */
export const parseSizeBytes = (text: string): number => parse(text, sizes);

export const formatSize = (sizeBytes: number): string => format(sizeBytes, sizes);

export const durationUnits: readonly string[] = [...durations.units.keys()];

export const sizeUnits: readonly string[] = [...sizes.units.keys()];

function parse(text: string, scale: Scale): number {
  const match = /^(\d+) *([a-z]*)$/i.exec(text);
  if (match === null) {
    throw new RangeError(`must be a whole number with a unit, such as ${scale.examples}`);
  }
  const [, digits = '', unitName = ''] = match;
  // A bare number is refused: PostgreSQL's own meaning of one differs from setting to setting.
  if (unitName === '') throw new RangeError(`must have a unit, such as ${scale.examples}`);
  const unit = scale.units.get(unitName);
  if (unit === undefined) {
    throw new RangeError(`must end in one of the units ${[...scale.units.keys()].join(', ')}`);
  }
  const value = Number(digits) * unit;
  if (!Number.isSafeInteger(value)) throw new RangeError('must be a smaller number');
  return value;
}

/** In the largest unit that is exact, so that reading it again gives the same value. */
function format(value: number, scale: Scale): string {
  const fitting = [...scale.units].filter(([, unit]) => value % unit === 0 && value >= unit);
  const [name, unit] = fitting.at(-1) ?? [[...scale.units.keys()][0], 1];
  return `${value / unit}${name}`;
}
