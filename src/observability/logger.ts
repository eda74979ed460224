// JSON, a line per event: short lower-case messages and fields; never row values or secrets.
// info = state changes only, warn = mends itself, error = a person must act (with code and hint).
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import type { LogLevel } from '../config/config.ts';

export function createLogger(level: LogLevel, output: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Drivers hang connection settings on their objects, and errors quote rows in DETAIL.
    redact: { paths: ['password', '*.password', '*.detail', '*.where'], remove: true },
  };
  return pino(options, output);
}
