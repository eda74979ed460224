import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../../src/setup/preflight/exit-code.ts';
import type { Finding } from '../../../../src/setup/preflight/finding.ts';

const finding = (changes: Partial<Finding>): Finding => ({
  check: 'c',
  category: 'server',
  severity: 'error',
  code: 'CONFIGURATION',
  database: 'a',
  message: 'm',
  hint: 'h',
  ...changes,
});

const notice = finding({ severity: 'notice', code: 'UNREACHABLE' });
const warning = finding({ severity: 'warning', code: 'PRIVILEGE' });
const error = finding({});
const fileError = finding({ category: 'configuration' });
const privilege = finding({ category: 'privilege', code: 'PRIVILEGE' });
const password = finding({ category: 'connection', code: 'AUTHENTICATION' });
const unreachable = finding({ category: 'connection', code: 'UNREACHABLE' });

describe('the exit code of check', () => {
  test.each([
    [0, []],
    [0, [notice]],
    [1, [notice, warning]],
    [1, [error, warning]],
    [78, [error, fileError]],
    [77, [fileError, privilege]],
    [77, [password]],
    [69, [privilege, unreachable, fileError]],
    [69, [finding({ code: 'TOO_MANY_CONNECTIONS' })]],
  ])('is %i', (code, findings) => {
    expect(exitCodeOf(findings)).toBe(code);
    expect(exitCodeOf([...findings].reverse())).toBe(code);
  });
});
