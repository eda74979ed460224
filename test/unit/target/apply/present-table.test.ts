import { expect, test } from 'vitest';
import { presentTable } from '../../../../src/target/apply/present-table.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';

/** Of relation `t (id, v, w)`, all text; `name:type` and `name=` (generated) of what is there now. */
function seen(columns: readonly string[]) {
  const relation = relationOf('t', ['id*', 'v', 'w']);
  const rows = columns.map((column) => {
    const [, name = '', type = '25'] = /^(\w+)=?(?::(\d+))?$/.exec(column) ?? [];
    return ['s', 'u', name, type, column.includes('=') ? 't' : 'f', 'f'];
  });
  const { key = [] } = targetTableOf(relation);
  return presentTable(relation, key, { rows, command: 'SELECT', rowCount: rows.length }, 'a');
}

test.each([
  ['as they were', ['id', 'v', 'w'], [true, true, true]],
  ['with one more', ['id', 'v', 'w', 'x'], [true, true, true]],
  ['with one less', ['id', 'w'], [true, false, true]],
  ['with one less, and one more', ['id', 'w', 'x'], [true, false, true]],
  ['with one of another type', ['id', 'v', 'x:23'], [true, true, false]],
  ['with one that is generated', ['id', 'x=', 'w'], [true, false, true]],
])('columns %s', (_what, columns, has) => {
  expect(seen(columns)).toEqual({ schema: 's', name: 'u', has });
});

test.each([
  ['renamed', ['id', 'x', 'w'], 'v', 'rename column "x" to "v"'],
  ['the last one, perhaps renamed', ['id', 'v', 'x'], 'w', 'rename column "x" to "w"'],
  ['renamed, and its name taken again', ['id', 'x', 'w', 'v'], 'v', 'rename column "x" to "v"'],
  ['two that changed names', ['id', 'w', 'v'], 'w', 'rename column "v" to "w"'],
])('columns of which values could be bent: %s', (_what, columns, renamed, hint) => {
  const expected = { code: 'SCHEMA_DRIFT', hint: expect.stringContaining(hint) };
  expect(() => seen(columns)).toThrow(expect.objectContaining(expected));
  expect(() => seen(columns)).toThrow(`a: s.u: column ${renamed} was renamed`);
});

test('without its key no row is found', () => {
  expect(() => seen(['v', 'w'])).toThrow('a: s.u: column id of the key was dropped');
});

test('a table that was dropped', () => {
  expect(() => seen([])).toThrow('a: public.t was dropped');
});
