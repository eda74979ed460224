// Commit times as the protocol carries them: microseconds since 2000-01-01 00:00 UTC, as bigint.
// Milliseconds would not do: two commits within one would look like a tie.

const unixMsOfEpoch = 946_684_800_000n;

/** Before every commit: of a row whose commit time the server does not keep any more. */
export const beforeAllTimes = -(2n ** 63n);

/** ISO 8601 with six decimals, which PostgreSQL reads back exactly as timestamptz. */
export function formatCommitTime(microseconds: bigint): string {
  // Numbers as soon as they are exact: this is made for each conflict.
  const rest = Number(microseconds % 1_000_000n);
  const fraction = rest < 0 ? rest + 1_000_000 : rest;
  const seconds = Number(microseconds / 1_000_000n) - (rest < 0 ? 1 : 0);
  const toTheSecond = new Date(Number(unixMsOfEpoch) + seconds * 1000).toISOString().slice(0, 19);
  return `${toTheSecond}.${String(fraction).padStart(6, '0')}Z`;
}

/** A timestamptz as our sessions print it: `2026-01-31 12:00:00.123456+00`. Throws RangeError. */
export function parseCommitTime(text: string): bigint {
  if (text === '-infinity') return beforeAllTimes;
  const found = /^(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (found === null) throw new RangeError('not a commit time');
  const [, date, time, fraction = ''] = found;
  const ms = BigInt(Date.parse(`${date}T${time}Z`));
  return (ms - unixMsOfEpoch) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

export function commitTimeOf(unixMs: number): bigint {
  return (BigInt(Math.round(unixMs)) - unixMsOfEpoch) * 1000n;
}
