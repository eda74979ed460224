import { describe, expect, test } from 'vitest';
import { parseTablePattern, patternMatches } from '../../../src/config/table-pattern.ts';

const matches = (pattern: string, schema: string, name: string) =>
  patternMatches(parseTablePattern(pattern), { schema, name });

describe('matches', () => {
  test.each([
    ['public.orders', 'public', 'orders'],
    ['public.*', 'public', 'orders'],
    ['public.*', 'public', 'line\nbreak'],
    ['*.*', 'sales', 'x'],
    ['s?les.order?', 'sales', 'orders'],
    ['public.audit_*', 'public', 'audit_'],
    ['public.**s', 'public', 'orders'],
    ['public.?', 'public', '😀'],
    ['public."Order Items"', 'public', 'Order Items'],
    ['"my.schema"."a.b"', 'my.schema', 'a.b'],
    ['public."a""b"', 'public', 'a"b'],
    ['public."Audit_"*', 'public', 'Audit_2'],
    ['public."*"', 'public', '*'],
    ['public.order-items', 'public', 'order-items'],
    ['public.a$b', 'public', 'a$b'],
    ['public.größe', 'public', 'größe'],
    ['public.constructor', 'public', 'constructor'],
  ])('%s: %s . %s', (pattern, schema, name) => {
    expect(matches(pattern, schema, name)).toBe(true);
  });
});

describe('does not match', () => {
  test.each([
    ['public.orders', 'public', 'orders2'],
    ['public.orders', 'public', 'my_orders'],
    ['public.orders', 'public', 'Orders'],
    ['public.orders', 'sales', 'orders'],
    ['public.order?', 'public', 'order'],
    ['public."*"', 'public', 'orders'],
    ['public."a.c"', 'public', 'abc'],
    ['public.a+', 'public', 'aa'],
  ])('%s: %s . %s', (pattern, schema, name) => {
    expect(matches(pattern, schema, name)).toBe(false);
  });
});

test.each([
  ['orders', 'must name the schema too, as in public.orders'],
  ['"my.orders"', 'must name the schema too, as in public.orders'],
  ['a.b.c', 'must be schema.table, names with dots in double quotes'],
  ['.orders', 'must be schema.table, as in public.orders'],
  ['public.', 'must be schema.table, as in public.orders'],
  ['public.""', 'must be schema.table, as in public.orders'],
  ['public.Orders', 'must have capitals in double quotes, as in public."Orders"'],
  ['public.my orders', 'must have special characters in double quotes, as in public."my table"'],
  ['public."orders', 'must have special characters in double quotes, as in public."my table"'],
])('%s is refused', (pattern, message) => {
  expect(() => parseTablePattern(pattern)).toThrow(new RangeError(message));
});

test('many wildcards take no time', () => {
  const started = performance.now();
  expect(matches(`public.${'*'.repeat(60)}x`, 'public', 'a'.repeat(63))).toBe(false);
  expect(performance.now() - started).toBeLessThan(100);
});
