// Tables by chance, and what happens to them by chance: as data that shrinks, and as SQL.
import fc from 'fast-check';
import { builtInTypes, type TypeCase, userTypes } from '../../support/types-and-values.ts';

export interface RandomTable {
  readonly columns: readonly Column[];
  readonly identity: 'id' | 'columns' | 'index' | 'full' | 'full beside a key';
  readonly partitioned: boolean;
  /** A column was dropped before, on one side. */
  readonly dropped: 'source' | 'target' | 'neither';
  readonly reversed: boolean;
  readonly extra: boolean;
  readonly generated: boolean;
  readonly before: readonly Row[];
  readonly transactions: readonly (readonly Step[])[];
}

interface Column {
  readonly type: TypeCase;
  readonly notNull: boolean;
}

/** Which value of its type each column takes; null is one of them. */
type Row = readonly number[];

interface Step {
  readonly kind: 'insert' | 'update' | 'touch' | 'rekey' | 'delete';
  /** Which of the rows that are there. */
  readonly nth: number;
  readonly row: Row;
  readonly id: number;
  /** Taken back by a savepoint. */
  readonly undone: boolean;
}

const mostColumns = 6;

export function randomTable(majors: readonly number[]): fc.Arbitrary<RandomTable> {
  const types = [...builtInTypes, ...userTypes].filter(
    ({ since = 0, until = 99 }) => Math.min(...majors) >= since && Math.max(...majors) <= until,
  );
  const row = fc.array(fc.nat({ max: 12 }), { minLength: mostColumns, maxLength: mostColumns });
  const step = fc.record({
    kind: fc.constantFrom('insert', 'insert', 'update', 'touch', 'rekey', 'delete'),
    nth: fc.nat({ max: 20 }),
    row,
    id: fc.nat({ max: 30 }),
    undone: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
  });
  return fc.record({
    columns: fc.array(fc.record({ type: fc.constantFrom(...types), notNull: fc.boolean() }), {
      minLength: 1,
      maxLength: mostColumns,
    }),
    identity: fc.constantFrom('id', 'columns', 'index', 'full', 'full beside a key'),
    partitioned: fc.boolean(),
    dropped: fc.constantFrom('neither', 'source', 'target'),
    reversed: fc.boolean(),
    extra: fc.boolean(),
    generated: fc.boolean(),
    before: fc.array(row, { maxLength: 5 }),
    transactions: fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 8,
    }),
  });
}

/** One that several databases write to. */
export interface ContestedTable extends RandomTable {
  /** On which of them each transaction is, by a number that is taken modulo theirs. */
  readonly places: readonly number[];
}

/** What `check` lets through: the same columns everywhere, and a key that can be hashed. */
export function contestedTable(majors: readonly number[]): fc.Arbitrary<ContestedTable> {
  const places = fc.array(fc.nat({ max: 5 }), { minLength: 8, maxLength: 8 });
  const identity = fc.constantFrom('id' as const, 'columns' as const, 'index' as const);
  return fc.tuple(randomTable(majors), places, identity).map(([table, places, identity]) => ({
    ...table,
    columns: table.columns.map(({ type, notNull }) => ({
      type: type.unhashable === true ? { ...type, key: false } : type,
      notNull,
    })),
    extra: false,
    identity,
    places,
  }));
}

const bareOf = ({ type }: TypeCase) => type.replace(/ collate .*/, '');
const name = (i: number) => `c${i}`;

function keysOf({ columns, identity, partitioned }: RandomTable): string[] {
  if (identity === 'full') return [];
  if (identity !== 'columns' || partitioned) return ['id'];
  return ['id', ...columns.flatMap(({ type }, i) => (type.key === true ? [name(i)] : []))].slice(
    0,
    3,
  );
}

/** Of the table `t` in the search_path. */
export function createTable(table: RandomTable, side: 'source' | 'target'): string {
  const { columns, identity, partitioned, dropped, reversed, extra, generated } = table;
  const defined = [
    'id int not null',
    ...columns.map(
      ({ type, notNull }, i) => `${name(i)} ${type.type}${notNull ? ' not null' : ''}`,
    ),
    // from 18 on an identity that is FULL takes none
    ...(generated && !identity.startsWith('full')
      ? ['g int generated always as (id + 1) stored']
      : []),
    ...(extra && side === 'target' ? [`own text default 'mine'`] : []),
  ];
  if (reversed && side === 'target') defined.reverse();
  if (dropped === side) defined.splice(1, 0, 'gone text');
  const keys = keysOf(table).join(', ');
  const parts = partitioned
    ? [0, 1].map(
        (i) => `create table t_${i} partition of t for values with (modulus 2, remainder ${i});`,
      )
    : [];
  const each = partitioned ? ['t', 't_0', 't_1'] : ['t'];
  return [
    `create table t (${defined.join(', ')})${partitioned ? ' partition by hash (id)' : ''};`,
    ...parts,
    ...(dropped === side ? ['alter table t drop gone;'] : []),
    ...(keys === ''
      ? []
      : identity === 'index'
        ? [`create unique index t_key on t (${keys});`]
        : [`alter table t add primary key (${keys});`]),
    ...each.flatMap((one) =>
      identity === 'index'
        ? [
            `alter table ${one} replica identity using index ${one === 't' ? 't_key' : `${one}_id_idx`};`,
          ]
        : identity.startsWith('full')
          ? [`alter table ${one} replica identity full;`]
          : [],
    ),
  ].join('\n');
}

function literalOf({ type, notNull }: Column, pick = 0): string {
  const choices = type.values.length + (notNull ? 0 : 1);
  const value = type.values[pick % choices];
  return value === undefined ? 'null' : `'${value.replaceAll("'", "''")}'::${bareOf(type)}`;
}

function insert({ columns }: RandomTable, id: number, row: Row): string {
  const values = columns.map((column, i) => literalOf(column, row[i]));
  const names = columns.map((_, i) => name(i));
  return `insert into t (${['id', ...names].join(', ')}) values (${[id, ...values].join(', ')});`;
}

function statement(table: RandomTable, { kind, nth, row, id }: Step): string {
  const one = `where (tableoid, ctid) = (select tableoid, ctid from t order by tableoid, ctid
    offset ${nth} % (select greatest(count(*), 1) from t) limit 1)`;
  const { columns } = table;
  const set = columns.map((column, i) => `${name(i)} = ${literalOf(column, row[i])}`);
  switch (kind) {
    case 'insert':
      return insert(table, id, row);
    case 'update':
      return `update t set ${set.join(', ')} ${one};`;
    // of one column, so that large values of others are not sent
    case 'touch':
      return `update t set ${set[id % set.length]} ${one};`;
    case 'rekey':
      return `update t set id = ${id} ${one};`;
    case 'delete':
      return `delete from t ${one};`;
  }
}

const block = (body: string, undone = false) =>
  `begin ${body} ${undone ? "raise exception 'undone';" : ''}
   exception when integrity_constraint_violation or raise_exception then null; end;`;

export const fill = (table: RandomTable): string =>
  `do $do$ begin ${table.before.map((row, i) => block(insert(table, i, row))).join('\n')} end $do$`;

/** A script for each transaction; what clashes is undone inside of it. */
export function scriptOf(table: RandomTable): string[] {
  return table.transactions.map(
    (steps) =>
      `do $do$ begin\n${steps.map((step) => block(statement(table, step), step.undone)).join('\n')}\nend $do$`,
  );
}
