// Every way in which SQL changes rows, and what of it must not arrive.
import type { Case } from './case.ts';

const items = 'create table items (id int primary key, n int, v text)';
const family = `create table parent (id serial primary key, v text);
  create table child (id serial primary key, parent int references parent)`;
const some = `insert into items select i, i, 'v' || i from generate_series(1, 20) i`;

const large = `insert into t select i, 0, repeat('b' || i, 5000), decode(repeat('00ff', 4000), 'hex')
    from generate_series(1, 12) i;
  insert into keyed select repeat(chr(96 + i), 2200), i, repeat('x' || i, 3000) from generate_series(1, 6) i`;
const changesBesideLarge = [
  'update t set n = 1',
  'begin; update t set n = n + 1; update t set n = n + 1 where id < 8; update t set n = 9 where id = 1; commit',
  `begin; update t set big = repeat('new', 3000) where id = 2; update t set n = 4 where id = 2;
   update t set bytes = null where id = 2; commit`,
  'update t set id = id + 100 where id in (3, 4)',
  'begin; update t set n = 5 where id = 103; update t set id = 203 where id = 103; update t set n = 6 where id = 203; commit',
  'begin; update t set id = -5 where id = 5; update t set id = 5 where id = 6; update t set id = 6 where id = -5; commit',
  `begin; update t set n = 7 where id = 7; delete from t where id = 7; insert into t values (7, 8, 'small'); commit`,
  `begin; update t set big = 'small' where id = 8; update t set id = 108 where id = 8; update t set n = 0 where id = 108; commit`,
];

export const statements: Readonly<Record<string, Case>> = {
  'many rows in a statement': {
    tables: items,
    steps: [
      some,
      `insert into items values (21, 1, 'a'), (22, 2, null), (23, null, '')`,
      'update items set n = n + 100 where id > 5',
      `update items set v = o.v from items o where o.id = items.id - 1`,
      'delete from items using items o where o.id = items.id + 1 and items.id % 3 = 0',
    ],
  },
  'insert … on conflict': {
    tables: items,
    steps: [
      some,
      `insert into items select i, -i, 'again' from generate_series(15, 25) i
         on conflict (id) do update set n = excluded.n, v = items.v || '+' where items.id <> 17`,
      `insert into items select i, 0, 'never' from generate_series(1, 30) i on conflict do nothing`,
    ],
  },
  merge: {
    tables: items,
    since: 15,
    steps: [
      some,
      `merge into items t using (select i from generate_series(11, 30) i) s on t.id = s.i
         when matched and s.i % 3 = 0 then delete
         when matched then update set n = -t.n
         when not matched and s.i < 25 then insert values (s.i, s.i, 'merged')
         when not matched then do nothing`,
    ],
  },
  'common table expressions that write': {
    tables: `${items}; create table archive (id int primary key, n int, v text)`,
    steps: [
      some,
      `with gone as (delete from items where id > 10 returning *),
            kept as (update items set n = -n where id <= 10 returning *)
       insert into archive select * from gone union all select id + 100, n, v from kept`,
      `with added as (insert into items values (50, 1, 'x') returning id)
       update archive set n = added.id from added`,
    ],
  },
  'copy, also into a table that was emptied in the same transaction': {
    tables: items,
    oneWriter: 'truncate',
    steps: [
      `copy items from program $$printf '1\\t10\\ta\\\\tb\\n2\\t\\\\N\\t\\\\\\\\N\\n3\\t30\\t\\n'$$`,
      `begin; truncate items;
       copy items from program $$printf '4\\t40\\tfrozen\\n5\\t50\\tfrozen\\n'$$ with (freeze); commit`,
      `copy items from program $$printf '6,60,"a,b"\\n'$$ with (format csv)`,
    ],
  },
  'locks and reads': {
    tables: items,
    steps: [
      some,
      `begin; select * from items where id < 5 for update; update items set n = 0 where id = 3;
       select * from items for share; commit`,
      'begin; select * from items for no key update; commit',
      `begin; lock table items; declare c cursor for select * from items where id > 10 for update;
       fetch 2 from c; update items set v = 'current' where current of c;
       fetch 1 from c; delete from items where current of c; commit`,
    ],
  },
  savepoints: {
    tables: items,
    steps: [
      some,
      `begin; savepoint a; insert into items values (100, 1, 'gone');
       update items set v = 'gone' where id < 10;
       savepoint b; delete from items where id = 11; rollback to a;
       update items set v = 'kept' where id = 1; savepoint c; delete from items where id = 2;
       release c; savepoint d; insert into items values (101, 1, 'gone'); rollback to d;
       insert into items values (101, 2, 'kept'); commit`,
      `begin; savepoint a; truncate items; rollback to a; update items set n = 7 where id = 7; commit`,
      'begin; delete from items; rollback',
    ],
  },
  '10,000 subtransactions that are rolled back': {
    tables: items,
    steps: [
      `do $$ begin
         for i in 1..10000 loop
           begin
             insert into items values (i, i, 'gone');
             update items set n = -1 where id = i;
             raise exception 'no';
           exception when raise_exception then
             if i % 1000 = 0 then insert into items values (i, i, 'kept'); end if;
           end;
         end loop; end $$`,
    ],
  },
  'subtransactions that are kept': {
    tables: items,
    steps: [
      `do $$ begin
         for i in 1..3000 loop
           begin insert into items values (i, i, 'kept');
           exception when unique_violation then raise; end;
         end loop; end $$`,
    ],
  },
  'commits inside a procedure': {
    tables: items,
    steps: [
      `do $$ begin for i in 1..20 loop
         insert into items values (i, i, 'p');
         if i % 3 = 0 then rollback; else commit; end if; end loop; end $$`,
    ],
  },
  'deferred constraints': {
    tables: `create table parent (id int primary key);
      create table child (id int primary key, parent int not null
        references parent deferrable initially deferred);
      alter table parent add child int references child deferrable initially deferred`,
    steps: [
      'begin; insert into child values (1, 10), (2, 20); insert into parent values (10, 1), (20, 2); commit',
      'begin; delete from parent where id = 10; delete from child where id = 1; commit',
      'begin; delete from child where id = 2; insert into child values (3, 20); update parent set child = 3; commit',
    ],
  },
  'values that are swapped under a deferrable constraint': {
    tables: 'create table items (id int primary key, n int unique deferrable initially deferred)',
    oneWriter: 'deferrable unique constraint',
    steps: [
      'insert into items select i, i from generate_series(1, 10) i',
      'update items set n = 11 - n',
      'begin; update items set n = 1 where id = 1; update items set n = 10 where id = 10; commit',
    ],
  },
  'keys that are swapped and moved': {
    tables: items,
    steps: [
      some,
      `begin; update items set id = -1 where id = 1; update items set id = 1 where id = 2;
       update items set id = 2 where id = -1; commit`,
      'update items set id = id + 1000',
      `begin; delete from items where id = 1001; insert into items values (1001, 1, 'again');
       update items set id = 1 where id = 1001; insert into items values (1001, 2, 'third'); commit`,
    ],
  },
  'large values that are not sent again': {
    tables: `create table t (id int primary key, n int, big text, bytes bytea);
      alter table t alter big set storage external, alter bytes set storage external;
      create table keyed (k text primary key, n int, big text);
      alter table keyed alter k set storage external, alter big set storage external`,
    before: large,
    steps: [
      ...changesBesideLarge,
      'update keyed set n = -n',
      `begin; update keyed set k = 'moved' where n = -1; update keyed set n = 1 where k = 'moved'; commit`,
      `begin; update keyed set n = 2 where n = -2; update keyed set k = k || 'x' where n = 2; commit`,
      `update keyed set big = 'small' where n = -3; delete from keyed where n = -4`,
    ],
  },
  'large values that are not sent again, in whole rows': {
    tables: `create table t (id int, n int, big text, bytes bytea);
      create table keyed (k text primary key, n int, big text);
      alter table t alter big set storage external, alter bytes set storage external;
      alter table keyed alter big set storage external;
      alter table t replica identity full; alter table keyed replica identity full`,
    before: large,
    steps: [
      ...changesBesideLarge,
      `update keyed set n = -n; update keyed set k = 'moved' where n = -1`,
    ],
    oneWriter: 'replica identity full',
  },
  'prepared transactions': {
    tables: items,
    steps: [
      some,
      `begin; insert into items values (100, 1, 'prepared'); delete from items where id = 1;
       prepare transaction ':schema one'`,
      `begin; insert into items values (101, 1, 'never'); prepare transaction ':schema two'`,
      `update items set v = 'between' where id = 2`,
      `commit prepared ':schema one'`,
      `rollback prepared ':schema two'`,
      'delete from items where id = 3',
    ],
  },
  'truncate of one, of several, and what refers to them': {
    tables: `${items}; ${family}; create table kept (id int primary key)`,
    oneWriter: 'truncate',
    steps: [
      `${some}; insert into kept values (1); insert into parent (v) values ('a'), ('b');
       insert into child (parent) values (1), (2)`,
      'truncate items, kept',
      `begin; insert into items values (1, 1, 'gone'); truncate items;
       insert into items values (1, 2, 'kept'); commit`,
      'truncate parent cascade',
      `insert into parent (v) values ('c'); insert into child (parent) values (3)`,
      'truncate child, parent restart identity',
      `insert into parent (v) values ('first'); insert into child (parent) values (1)`,
      'truncate only kept',
    ],
    there: { 'select last_value from parent_id_seq': ['(1)'] },
  },
  'logical messages and transactions without a change': {
    tables: `${items}; create unlogged table elsewhere (id int);
      create view seen as select * from items`,
    steps: [
      some,
      `select pg_logical_emit_message(true, 'a', 'text'), pg_logical_emit_message(false, 'b', '\\x00ff')`,
      `begin; select pg_logical_emit_message(true, 'a', repeat('x', 100000));
       update items set n = 99 where id = 1; select pg_logical_emit_message(false, 'a', 'x'); commit`,
      'begin; commit',
      'begin; select pg_current_xact_id(); commit',
      'update items set n = 1 where id = -1',
      'insert into elsewhere values (1)',
      'begin; create temp table mine (id int); insert into mine values (1); insert into items select 200 + id, 0, null from mine; commit',
      'begin; create table passing (id int); insert into passing values (1); drop table passing; commit',
      `insert into seen values (300, 3, 'through a view')`,
    ],
  },
  'foreign keys and triggers that write on the source': {
    tables: ({ isSource }) => `create table parent (id int primary key);
      create table cascades (id int primary key, p int references parent on delete cascade on update cascade);
      create table nulls (id int primary key, p int references parent on delete set null);
      create table defaults (id int primary key, p int default 0 references parent on delete set default);
      create table log (id int generated by default as identity primary key, what text);
      create function note() returns trigger language plpgsql as $$
        begin insert into log (what) values (tg_op || ' ${isSource ? 'source' : 'target'}'); return null; end $$;
      create trigger note after insert or update or delete on parent for each row execute function note()`,
    steps: [
      `insert into parent values (0), (1), (2), (3); insert into cascades select i, i from generate_series(1, 3) i;
       insert into nulls select i, i from generate_series(1, 3) i;
       insert into defaults select i, i from generate_series(1, 3) i`,
      'delete from nulls where id = 2; delete from defaults where id = 2; update parent set id = 20 where id = 2',
      'delete from parent where id in (1, 20)',
    ],
  },
  'rewrites and other maintenance': {
    tables: items,
    steps: [
      some,
      'vacuum full items',
      `update items set v = 'after' where id = 1`,
      'cluster items using items_pkey',
      'reindex table items',
      'analyze items',
      'delete from items where id = 2',
    ],
  },
};
