import { describe, expect, test } from 'vitest';
import type { Relation, RelationColumn } from '../../../../src/model/relation.ts';
import type { CatalogColumn, CatalogKey, CatalogTable } from '../../../../src/postgres/catalog.ts';
import {
  type Contested,
  matchOwnTable,
  matchTable,
} from '../../../../src/target/apply/target-table.ts';

const oids = { int2: 21, int4: 23, int8: 20, text: 25, varchar: 1043, bpchar: 1042 };
const numeric = 1700;
const timestamptz = 1184;

function sent(name: string, typeOid: number, rest: Partial<RelationColumn> = {}): RelationColumn {
  return { name, typeOid, typeModifier: -1, identity: false, ...rest };
}

function found(name: string, typeOid: number, rest: Partial<CatalogColumn> = {}): CatalogColumn {
  return {
    name,
    typeOid,
    typeModifier: -1,
    castType: `type${typeOid}`,
    equals: null,
    declaredType: `type${typeOid}`,
    notNull: false,
    hasDefault: false,
    generated: false,
    identity: null,
    ...rest,
  };
}

function keyOf(columns: string[], rest: Partial<CatalogKey> = {}): CatalogKey {
  return {
    indexName: `${columns.join('_')}_idx`,
    primary: false,
    immediate: true,
    replicaIdentity: false,
    columns,
    operators: columns.map(() => 'operator(pg_catalog.=)'),
    hashes: columns.map(() => null),
    collations: columns.map(() => null),
    ...rest,
  };
}

function match(
  columns: RelationColumn[],
  catalog: CatalogColumn[],
  keys: CatalogKey[] = [],
  contested?: Contested,
) {
  const name = { schema: 'public', name: 't' };
  const relation: Relation = { ...name, oid: 1, replicaIdentity: 'default', columns };
  const table: CatalogTable = {
    ...name,
    shape: '',
    oid: '2',
    partitioned: false,
    replicaIdentity: 'default',
    columns: catalog,
    keys,
    uniques: [],
  };
  return matchTable(relation, table, 'b', contested);
}

test('columns are matched by name, whatever their order; more on the target stay out', () => {
  const table = match(
    [sent('a', oids.int4), sent('b', oids.text)],
    [found('extra', oids.text), found('b', oids.text), found('a', oids.int4)],
  );
  expect(table.columns.map(({ name, index, castType }) => [name, index, castType])).toEqual([
    ['a', 0, 'type23'],
    ['b', 1, 'type25'],
  ]);
});

test('generated columns compute themselves', () => {
  const table = match(
    [sent('a', oids.int4), sent('g', oids.int4)],
    [found('a', oids.int4), found('g', oids.int4, { generated: true })],
  );
  expect(table.columns.map(({ name }) => name)).toEqual(['a']);
});

test.each<[string, () => unknown, object]>([
  [
    'a table',
    () => matchTable({ ...match([], []).relation, name: 'A b' }, undefined, 'b', undefined),
    { message: 'b: table public."A b" does not exist' },
  ],
  [
    'a column',
    () => match([sent('New', oids.text)], [found('a', oids.text)]),
    {
      message: 'b: public.t has no column New',
      hint: 'alter table public.t add column "New" …; or, if it was renamed there: alter table public.t rename column "a" to "New"',
    },
  ],
  [
    'a column of which several might be it',
    () => match([sent('New', oids.text)], [found('a', oids.text), found('b', oids.text)]),
    { hint: 'alter table public.t add column "New" …' },
  ],
])('%s that is missing is named', (_, call, expected) => {
  expect(call).toThrow(expect.objectContaining({ code: 'SCHEMA_DRIFT', ...expected }));
});

describe('types', () => {
  const enumHere = 16_500;
  test.each<[string, [number, number?], [number, number?], boolean]>([
    ['the same', [oids.text], [oids.text], true],
    ['smallint to integer', [oids.int2], [oids.int4], true],
    ['smallint to bigint', [oids.int2], [oids.int8], true],
    ['integer to bigint', [oids.int4], [oids.int8], true],
    ['bigint to integer', [oids.int8], [oids.int4], false],
    ['varchar to text', [oids.varchar, 14], [oids.text], true],
    ['text to varchar', [oids.text], [oids.varchar], false],
    ['integer to text', [oids.int4], [oids.text], false],
    ['varchar(10) to varchar(20)', [oids.varchar, 14], [oids.varchar, 24], true],
    ['varchar(20) to varchar(10)', [oids.varchar, 24], [oids.varchar, 14], false],
    ['varchar to varchar(10)', [oids.varchar, -1], [oids.varchar, 14], false],
    ['varchar(10) to varchar', [oids.varchar, 14], [oids.varchar, -1], true],
    ['char(10) to char(20), which would pad', [oids.bpchar, 14], [oids.bpchar, 24], false],
    ['numeric(10,2) to numeric', [numeric, 655_366], [numeric, -1], true],
    ['numeric to numeric(10,2), which would round', [numeric, -1], [numeric, 655_366], false],
    [
      'timestamptz to timestamptz(3), which would round',
      [timestamptz, -1],
      [timestamptz, 3],
      false,
    ],
    ['types of users, whose OIDs differ', [enumHere], [17_000], true],
    ['a type of users to a built-in one', [enumHere], [oids.text], false],
    ['a built-in one to a type of users', [oids.text], [enumHere], false],
  ])('%s', (_, [from, fromModifier = -1], [to, toModifier = -1], accepted) => {
    const call = () =>
      match(
        [sent('c', from, { typeModifier: fromModifier })],
        [found('c', to, { typeModifier: toModifier })],
      );
    if (accepted) expect(call().columns).toHaveLength(1);
    else expect(call).toThrow(expect.objectContaining({ code: 'SCHEMA_DRIFT' }));
  });
});

describe('the key', () => {
  const columns = [
    sent('id', oids.int4, { identity: true }),
    sent('tenant', oids.int4, { identity: true }),
    sent('email', oids.text),
  ];
  const catalog = columns.map(({ name, typeOid }) => found(name, typeOid));
  const keyNames = (keys: CatalogKey[]) =>
    match(columns, catalog, keys).key?.map(({ name }) => name);

  test('is the unique index over the very columns that the source sends', () => {
    const keys = [keyOf(['id'], { primary: true }), keyOf(['tenant', 'id'])];
    expect(keyNames(keys)).toEqual(['tenant', 'id']);
  });

  test('is the primary key before another over the same columns', () => {
    const keys = [keyOf(['tenant', 'id']), keyOf(['id', 'tenant'], { primary: true })];
    expect(keyNames(keys)).toEqual(['id', 'tenant']);
  });

  test('may have fewer columns, as they are sent too', () => {
    expect(keyNames([keyOf(['tenant'])])).toEqual(['tenant']);
  });

  test.each([
    ['a column that is not sent with a delete', [keyOf(['id', 'email'])]],
    ['a deferrable index, which ON CONFLICT cannot use', [keyOf(['id'], { immediate: false })]],
    ['nothing', []],
  ])('is never %s', (_, keys) => {
    expect(keyNames(keys)).toBeUndefined();
  });

  test('compares as the index does', () => {
    const operators = ['operator(extensions.=)'];
    const { key } = match(columns, catalog, [keyOf(['id'], { operators })]);
    expect(key).toMatchObject([{ name: 'id', quoted: '"id"', equals: 'operator(extensions.=)' }]);
  });
});

test('an identity that nobody can update is refused beside the key where several databases write', () => {
  const contested: Contested = { sync: 's', log: 'off', windowMs: 0, pauses: false };
  const columns = [sent('id', oids.int4, { identity: true }), sent('Seq', oids.int4)];
  const catalog = columns.map(({ name }) => found(name, oids.int4, { identity: 'always' }));
  const matchFirst = (count: number, several?: Contested) =>
    match(columns.slice(0, count), catalog.slice(0, count), [keyOf(['id'])], several);
  expect(matchFirst(2).columns).toHaveLength(2);
  expect(matchFirst(1, contested).columns).toHaveLength(1);
  expect(() => matchFirst(2, contested)).toThrow(
    expect.objectContaining({
      code: 'SCHEMA_DRIFT',
      hint: 'alter table public.t alter column "Seq" set generated by default',
    }),
  );
});

describe('a table of the own stream, which was altered since', () => {
  const contested: Contested = { sync: 's', log: 'off', windowMs: 0, pauses: false };
  const now = { schema: 'public', name: 'now', oid: '1', shape: '', partitioned: false } as const;
  const unique = { seed: '1', notNull: false, nullsNotDistinct: false };

  function own(
    replicaIdentity: Relation['replicaIdentity'],
    columns: RelationColumn[],
    catalog: CatalogColumn[],
    keys: CatalogKey[],
  ) {
    const relation: Relation = { schema: 'public', name: 'was', oid: 1, replicaIdentity, columns };
    const uniques = [{ ...keyOf(['code']), ...unique }];
    return matchOwnTable(
      relation,
      { ...now, replicaIdentity, columns: catalog, keys, uniques },
      contested,
    );
  }

  const before = [
    sent('id', oids.int4, { identity: true }),
    sent('gone', oids.int4),
    sent('retyped', oids.int4),
    sent('kind', 16_500),
    sent('code', oids.varchar, { typeModifier: 14 }),
  ];
  const after = [
    found('new', oids.int4),
    found('retyped', oids.text),
    found('kind', 16_600),
    found('code', oids.text),
    found('id', oids.int8),
  ];

  test('has the columns that are still what they were', () => {
    const { label, columns, key, uniques } = own('default', before, after, [keyOf(['id'])]);
    expect(label).toBe('public.now');
    expect(columns.map(({ name, index, castType }) => [name, index, castType])).toEqual([
      ['id', 0, 'type20'],
      ['code', 4, 'type25'],
    ]);
    expect(key).toMatchObject([{ name: 'id', index: 0, castType: 'type20' }]);
    expect(uniques.map((each) => each.columns.map(({ name }) => name))).toEqual([['code']]);
  });

  test('has no values of a unique key of which a column is another one', () => {
    const catalog = after.map((each) => (each.name === 'code' ? found('code', oids.int4) : each));
    expect(own('default', before, catalog, [keyOf(['id'])]).uniques).toEqual([]);
  });

  const two = before.map((each) => (each.name === 'code' ? { ...each, identity: true } : each));
  const all = before.map((each) => ({ ...each, identity: true }));
  test.each([
    ['it is of another type', 'default', before, [found('id', oids.text)], [keyOf(['id'])]],
    ['its column is gone', 'default', before, [found('code', oids.text)], [keyOf(['code'])]],
    ['it has more columns', 'default', before, after, [keyOf(['id', 'code'])]],
    // a row that was deleted by two columns is not all that one of them finds
    ['it has fewer columns', 'default', two, after, [keyOf(['id'])]],
    ['there is none', 'default', before, after, []],
    [
      'whole rows are sent, and it is of another type',
      'full',
      all,
      [found('id', oids.text), ...after.slice(0, 4)],
      [keyOf(['id'], { primary: true })],
    ],
  ] as const)('has no key where %s', (_, identity, columns, catalog, keys) => {
    expect(own(identity, [...columns], [...catalog], [...keys]).key).toBeUndefined();
  });

  test('has the key among whole rows', () => {
    const keys = [keyOf(['id'], { primary: true })];
    expect(own('full', all, after, keys).key).toMatchObject([{ name: 'id' }]);
  });
});
