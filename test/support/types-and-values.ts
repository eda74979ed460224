// What PostgreSQL can put in a column: every built-in type with its extremes, and types that users
// and extensions make. Literals are what stands between the quotes.

export interface TypeCase {
  readonly type: string;
  readonly values: readonly string[];
  /** Can be a primary key. */
  readonly key?: boolean;
  /** Cannot be one where several databases write: some version has no hash for it. */
  readonly unhashable?: boolean;
  /** `a int[]` stands in for its array: SQL takes an array of it for one of two dimensions. */
  readonly isArray?: boolean;
  readonly since?: number;
  readonly until?: number;
}

const key = true;
const unhashable = true;
const digits = (n: number) => '7'.repeat(n);

export const builtInTypes: readonly TypeCase[] = [
  { type: 'bool', values: ['t', 'f'], key },
  { type: 'int2', values: ['-32768', '32767', '0'], key },
  { type: 'int4', values: ['-2147483648', '2147483647', '0'], key },
  {
    type: 'int8',
    values: ['-9223372036854775808', '9223372036854775807', '9007199254740993'],
    key,
  },
  {
    type: 'numeric',
    values: ['NaN', '0.000', '1.0', '1.10', `-${digits(131_072)}.${digits(16_383)}`, '1e-16383'],
    key: false,
  },
  { type: 'numeric(1000,500)', values: ['NaN', '-0.1', `${digits(500)}.${digits(500)}`], key },
  { type: 'numeric', values: ['Infinity', '-Infinity'], since: 14, key },
  { type: 'numeric(3,-2)', values: ['12345', '-99900'], since: 15, key },
  {
    type: 'float4',
    values: ['NaN', 'Infinity', '-Infinity', '-0', '1.17549435e-38', '3.4028235e38', '0.1'],
    key,
  },
  {
    type: 'float8',
    values: [
      ...['NaN', 'Infinity', '-Infinity', '-0', '0.1', '0.30000000000000004'],
      ...['5e-324', '2.2250738585072014e-308', '1.7976931348623157e308', '123456789.12345679'],
    ],
    key,
  },
  { type: 'money', values: ['-92233720368547758.08', '92233720368547758.07', '0.01'], key },
  {
    type: 'text',
    values: [
      ...[
        '',
        ' ',
        'null',
        'NULL',
        '\\N',
        '\\.',
        '{}',
        '()',
        '"',
        "''",
        '\\',
        'a\\b',
        '\t\r\n',
        '\u0001\u007f',
      ],
      ...[
        '\ufeffbegins with a mark',
        'é e\u0301',
        '\u{10ffff}\u{1f600}\u{20000}',
        '\ud7ff\ue000\uffff',
        '‮‏',
        '%s $1',
      ],
    ],
    key,
  },
  { type: 'varchar(5)', values: ['', '     ', 'a    ', 'äöüß€'], key },
  { type: 'varchar', values: ['', 'x   '], key },
  { type: 'char(5)', values: ['', 'a', 'äöü  ', 'a b c'], key },
  { type: 'bpchar', values: ['a   ', ''], key: false },
  { type: '"char"', values: ['a', '', '\\'], key },
  { type: 'name', values: ['', 'x'.repeat(63), 'Ä"b'], key },
  { type: 'bytea', values: ['\\x', '\\x00', '\\x00ff5c2722000a', '\\xdeadbeef'], key },
  { type: 'bit(5)', values: ['00000', '10101'], key },
  { type: 'bit', values: ['0', '1'], key },
  { type: 'varbit', values: ['', '1', '0'.repeat(100)], key },
  { type: 'varbit(9)', values: ['', '101'], key },
  {
    type: 'date',
    values: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01', '2024-02-29'],
    key,
  },
  { type: 'time', values: ['00:00', '24:00', '23:59:59.999999'], key },
  { type: 'time(3)', values: ['01:02:03.456'], key },
  { type: 'timetz', values: ['00:00+15:59:59', '24:00-15:59:59', '12:00:00.000001+00'], key },
  {
    type: 'timestamp',
    values: [
      ...['infinity', '-infinity', '4713-01-01 00:00 BC', '294276-12-31 23:59:59.999999'],
      ...['2000-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999', '0001-01-01 00:00 BC'],
    ],
    key,
  },
  { type: 'timestamp(0)', values: ['2024-06-30 23:59:59'], key },
  {
    type: 'timestamptz',
    values: [
      ...['infinity', '-infinity', '4713-01-01 00:00+00 BC', '294276-12-31 23:59:59.999999+00'],
      ...['1883-11-18 12:03:58-04:56:02', '2024-03-31 02:30+01', '2024-06-30 23:59:59.5+14'],
    ],
    key,
  },
  {
    type: 'interval',
    values: [
      ...['178000000 years', '-178000000 years', '-1 mons +1 day -00:00:00.000001'],
      ...['1 year -1 day', '1 month 30 days 720:00', '2147483647 days -596523:14:07.999999'],
    ],
    key,
  },
  { type: 'interval', values: ['infinity', '-infinity'], since: 17, key },
  { type: 'interval day to second(2)', values: ['3 days 04:05:06.78'], key },
  {
    type: 'uuid',
    values: ['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-ffff-4fff-bfff-ffffffffffff'],
    key,
  },
  {
    type: 'json',
    values: [
      'null',
      ' {"b" : 1.10,\n "b":12345678901234567890, "a": "\\u0000\\ud83d\\ude00"} ',
      '""',
      '[1e999]',
    ],
  },
  {
    type: 'jsonb',
    values: [
      'null',
      '{"b": 1.10, "a": [1, null, {"": ""}], "\\ud83d\\ude00": "\\u0001"}',
      '[1e400, -0.0]',
      '1.000',
    ],
    key,
  },
  { type: 'jsonpath', values: ['$', 'strict $."a b"[*] ? (@.x > 1.0 && exists (@.y))'] },
  {
    type: 'xml',
    values: [
      '',
      'text & more'.replace('&', '&amp;'),
      '<a b="1">ü<![CDATA[<]]></a><c/>',
      '<!-- c --><a/>',
    ],
  },
  { type: 'tsvector', values: ['', `'a b':1A,2B,16383 'it''s':3 'ü\\\\'`, 'plain words'] },
  { type: 'tsquery', values: ['', `'a' & !('b' <2> 'c':*AB) | 'it''s'`] },
  {
    type: 'inet',
    values: ['0.0.0.0/0', '10.1.2.3/8', '255.255.255.255', '::/0', 'fe80::1/64', '::ffff:1.2.3.4'],
    key,
  },
  { type: 'cidr', values: ['10.0.0.0/8', '::/128', '1.2.3.4/32'], key },
  { type: 'macaddr', values: ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff'], key },
  { type: 'macaddr8', values: ['00:11:22:ff:fe:33:44:55'], key },
  { type: 'point', values: ['(-0,1e-300)', '(NaN,Infinity)', '(0.1,0.30000000000000004)'] },
  { type: 'line', values: ['{1,-1,0}', '{-0.5,1,1e300}'] },
  { type: 'lseg', values: ['[(0,0),(1,1e-9)]'] },
  { type: 'box', values: ['(1,1),(0,0)', '(0.5,2),(0,0)', '(Infinity,1),(-Infinity,0)'] },
  { type: 'path', values: ['[(0,0),(1,1)]', '((0,0),(1,1),(2,-0))'] },
  { type: 'polygon', values: ['((0,0),(1,0),(1,1))'] },
  { type: 'circle', values: ['<(0,0),0>', '<(1e10,-1),0.1>'] },
  { type: 'oid', values: ['0', '4294967295', '4026531841'], key },
  { type: 'xid', values: ['0', '4294967295'] },
  { type: 'xid8', values: ['0', '18446744073709551615'], key },
  { type: 'cid', values: ['4294967295'] },
  { type: 'tid', values: ['(0,1)', '(4294967295,65535)'], key },
  { type: 'pg_lsn', values: ['0/0', 'FFFFFFFF/FFFFFFFF'], key },
  { type: 'pg_snapshot', values: ['10:20:10,14,15'] },
  { type: 'txid_snapshot', values: ['10:20:10,14,15'] },
  { type: 'regclass', values: ['pg_class', '-', 'pg_catalog.pg_type'] },
  { type: 'regtype', values: ['integer', '-', 'timestamp with time zone', 'text[]'] },
  { type: 'regproc', values: ['pg_sleep', '-'] },
  { type: 'regprocedure', values: ['lower(text)', '-'] },
  { type: 'regoper', values: ['pg_catalog.||/', '0'] },
  { type: 'regoperator', values: ['+(integer,integer)', '-(NONE,integer)', '0'] },
  { type: 'regrole', values: ['pg_monitor', '-'] },
  { type: 'regnamespace', values: ['pg_catalog', '-'] },
  { type: 'regconfig', values: ['english', '-'] },
  { type: 'regdictionary', values: ['simple', '-'] },
  { type: 'regcollation', values: ['"C"', '-'] },
  { type: 'regdatabase', values: ['postgres', '-'], since: 19 },
  { type: 'refcursor', values: ['', 'c1'] },
  { type: 'int2vector', values: ['', '1 -2 3'] },
  { type: 'oidvector', values: ['', '1 4294967295'], key },
  { type: 'aclitem', values: ['=r/postgres', 'postgres=arwdDxt/postgres'] },
  { type: 'int4range', values: ['empty', '(,)', '[1,5)', '(,5)'], key },
  { type: 'int8range', values: ['empty', '[-9223372036854775808,9223372036854775807)'], key },
  { type: 'numrange', values: ['empty', '[1.0,2.00)', '(NaN,)', '(,)'], key: false },
  {
    type: 'daterange',
    values: ['empty', '[-infinity,infinity]', '[4713-01-01 BC,2024-01-01)'],
    key,
  },
  { type: 'tsrange', values: ['empty', '["2024-01-01 00:00:00.000001",)', '(,infinity)'], key },
  { type: 'tstzrange', values: ['empty', '["2024-01-01 00:00+05:45","2024-01-02 00:00+00"]'], key },
  { type: 'int4multirange', values: ['{}', '{[1,2),[5,)}'], since: 14, key },
  { type: 'int8multirange', values: ['{}', '{(,)}'], since: 14, key },
  { type: 'nummultirange', values: ['{}', '{[1.0,2.0),[3.00,4)}'], since: 14, key },
  { type: 'datemultirange', values: ['{}', '{[-infinity,2024-01-01)}'], since: 14, key },
  { type: 'tsmultirange', values: ['{}', '{["2024-01-01 00:00:00",)}'], since: 14, key },
  { type: 'tstzmultirange', values: ['{}', '{(,"2024-01-01 00:00:00+00"]}'], since: 14, key },
];

/** In schema kinds; `ext` holds the extensions, so that nothing is found by a search_path. */
export const typeDefinitions = (major: number): string => `
  create schema ext; create schema kinds;
  ${['hstore', 'citext', 'ltree', 'cube', 'seg', 'isn', 'intarray', 'lo']
    .map((name) => `create extension ${name} schema ext;`)
    .join('\n')}
  create type kinds."Mood's" as enum ('', 'so so', 'it''s', 'ü"\\', 'a,b');
  create domain kinds.short as varchar(9) check (value <> 'bad');
  create domain kinds.shorter as kinds.short not null default 'x';
  create domain kinds.price as numeric(10,2);
  create domain kinds.numbers as int[] check (cardinality(value) < 9);
  create type kinds.pair as (a int, "B" text);
  create type kinds.nested as (p kinds.pair, m kinds."Mood's"[], j json, pp kinds.pair[]);
  create domain kinds.checked as kinds.pair check ((value).a > 0);
  create domain kinds.feeling as kinds."Mood's" default 'so so';
  create domain kinds.feelings as kinds."Mood's"[];
  create type kinds.moods as range (subtype = kinds."Mood's");
  create domain kinds.mooded as kinds.moods;
  create type kinds.floats as range (subtype = float8, subtype_diff = float8mi);
  create type kinds.amount as (n numeric, currency text);
  create type kinds.felt as (m kinds."Mood's", at int);
  create type kinds.amounts as range (subtype = numeric);
  ${
    major >= 12
      ? `create collation kinds.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`
      : ''
  }`;

export const userTypes: readonly TypeCase[] = [
  { type: `kinds."Mood's"`, values: ['', 'so so', "it's", 'ü"\\', 'a,b'], key },
  { type: 'kinds.feeling', values: ['', "it's"], key },
  { type: 'kinds.feelings', values: ['{}', '{so so,"",null}'], key, isArray: true },
  { type: 'kinds.short', values: ['', 'nine  ch.'], key },
  { type: 'kinds.price', values: ['1.50', '-99999999.99', 'NaN'], key },
  { type: 'kinds.numbers', values: ['{}', '{1,null,3}', '[0:1]={1,2}'], key, isArray: true },
  {
    type: 'kinds.pair',
    values: ['(1,x)', '(,"")', '(,)', `(3,"a ""b"" \\\\ '")`],
    key,
    unhashable,
  },
  {
    type: 'kinds.nested',
    values: [
      `("(1,""x"")","{so so,it's}","{""a"":1}","{""(2,y)"",""(,)""}")`,
      '(,,,)',
      '("(,)",{},null,)',
    ],
  },
  { type: 'kinds.checked', values: ['(1,x)'], key, unhashable },
  { type: 'kinds.moods', values: ['empty', `["so so","it's"]`], key },
  { type: 'kinds.mooded', values: ['empty', `["so so","it's"]`], key },
  { type: 'kinds.floats', values: ['empty', '[0.1,0.30000000000000004)', '(-Infinity,)'], key },
  {
    type: 'kinds.floats_multirange',
    values: ['{}', '{[0.1,0.30000000000000004),(1,)}'],
    since: 14,
    key,
  },
  { type: 'text collate kinds.nocase', values: ['Straße', 'ab', 'É'], key },
  { type: 'ext.hstore', values: ['', 'a=>1, "b c"=>NULL', '"="=>"\\"\\\\"'], key },
  { type: 'ext.citext', values: ['Abc', 'ä'], key },
  { type: 'ext.ltree', values: ['', 'a.b.c'], key, unhashable },
  { type: 'ext.lquery', values: ['*.a{2}.!b|c*@'] },
  { type: 'ext.cube', values: ['(0)', '(1,2),(3,-4e-10)'], key, unhashable },
  { type: 'ext.seg', values: ['1', '5.0 .. 6.00', '~7'], key, unhashable },
  { type: 'ext.isbn13', values: ['978-0-393-04002-9'], key, unhashable },
  { type: 'ext.query_int', values: ['1&(2|!3)'] },
  { type: 'ext.lo', values: ['4294967295'], key: false },
];
