// JSON on standard output: short lower-case messages and fields; never row values or secrets.
// info = state changes only, warn = mends itself, error = a person must act (with code and hint).
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config/config.ts';

export function createLogger(level: LogLevel): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Drivers hang connection settings on their objects, and errors quote rows in DETAIL.
    redact: { paths: ['password', '*.password', '*.detail', '*.where'], remove: true },
  });
}
