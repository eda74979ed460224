// https://github.com/wolfcw/libfaketime lets a program see another time of day. Debian's package
// libfaketime has it; without it no clock is put wrong, and the report says so.
import { existsSync } from 'node:fs';

const usual = ['x86_64', 'aarch64'].map(
  (cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`,
);

/** The path of the library, also from TORTURE_LIBFAKETIME. */
export function libfaketime(): string | undefined {
  const named = process.env['TORTURE_LIBFAKETIME'];
  if (named !== undefined && !existsSync(named))
    throw new Error(`TORTURE_LIBFAKETIME: there is no ${named}`);
  return named ?? usual.find(existsSync);
}
