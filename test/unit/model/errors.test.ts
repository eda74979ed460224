import { describe, expect, test } from 'vitest';
import {
  asReplicatorError,
  type ErrorCode,
  errorKinds,
  ReplicatorError,
} from '../../../src/model/errors.ts';

const codes = Object.keys(errorKinds) as ErrorCode[];

describe.each(codes)('%s', (code) => {
  test('says what to do, and ends a command with an exit code of sysexits.h', () => {
    const error = new ReplicatorError(code, 'what and where');
    expect(error.hint).not.toBe('');
    expect(error.exitCode).toBeGreaterThanOrEqual(64);
    expect(error.exitCode).toBeLessThanOrEqual(78);
    expect(error.retry).toMatch(/^(timed|manual)$/);
  });
});

test('what waiting can mend is tried again, and what it cannot waits for a person', () => {
  const timed = codes.filter((code) => errorKinds[code].retry === 'timed');
  expect(timed).toEqual([
    'UNREACHABLE',
    'CONNECTION_LOST',
    'TOO_MANY_CONNECTIONS',
    'SERVER_BUSY',
    'LOCK_TIMEOUT',
    'RESOURCES',
    'READ_ONLY',
    'SLOT_ACTIVE',
    'FENCED',
    'CLOCK_AHEAD',
    'ROWS_MISSING',
    'BATCH_REFUSED',
    'TIMEOUT',
  ]);
});

test('a hint for the occasion goes before the one of the table', () => {
  const error = new ReplicatorError('GAP', 'a gap', { hint: 'mind it', sqlstate: '55000' });
  expect(error).toMatchObject({ hint: 'mind it', sqlstate: '55000', name: 'ReplicatorError' });
  expect(error).not.toHaveProperty('cause');
});

test('what nobody foresaw is INTERNAL, keeps its cause and is never tried again', () => {
  const cause = new TypeError('x is undefined');
  const error = asReplicatorError(cause);
  expect(error).toMatchObject({ code: 'INTERNAL', message: 'x is undefined', retry: 'manual' });
  expect(error.cause).toBe(cause);
  expect(asReplicatorError('text').message).toBe('text');
  expect(asReplicatorError(error)).toBe(error);
});
