import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeReferences, interpolate } from '../../src/config/interpolate.ts';

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom('$', '{', '}', ':', '-', '?', 'A', 'b', ' ', '\n') }),
);
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/);

test('escaped text is left as it was', () => {
  fc.assert(
    fc.property(text, (original) => {
      const { text: back, fromEnvironment, problems } = interpolate(escapeReferences(original), {});
      expect(back).toBe(original);
      expect(fromEnvironment || problems.length > 0).toBe(false);
    }),
  );
});

test('a value is inserted as it is, whatever it holds', () => {
  fc.assert(
    fc.property(text, name, text, text, (before, variable, value, after) => {
      const written = `${before.replaceAll('$', '$$$$')}\${${variable}}${after.replaceAll('$', '$$$$')}`;
      expect(interpolate(written, { [variable]: value })).toEqual({
        text: before + value + after,
        fromEnvironment: true,
        problems: [],
      });
    }),
  );
});

test('a default counts when the variable is unset or empty', () => {
  const fallback = fc.string().filter((value) => !/[}]|\$\{/.test(value));
  const states = fc.constantFrom({ isSet: false }, { isSet: true });
  fc.assert(
    fc.property(name, fallback, states, (variable, value, { isSet }) => {
      const env = isSet ? { [variable]: '' } : {};
      expect(interpolate(`\${${variable}:-${value}}`, env)).toMatchObject({ text: value });
    }),
  );
});

test('no message ever holds what a variable holds', () => {
  const secret = 'correct horse';
  fc.assert(
    fc.property(text, (written) => {
      const env = new Proxy(
        {},
        {
          get: () => secret,
          getOwnPropertyDescriptor: () => ({ value: secret, configurable: true, enumerable: true }),
        },
      );
      for (const { message } of interpolate(written, env).problems) {
        expect(message).not.toContain(secret);
      }
    }),
  );
});
