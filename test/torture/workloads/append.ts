// Rows that nobody else touches: each must be on every database, once.
import type { Workload } from './workload.ts';

export const append: Workload = {
  name: 'append',
  tables: [{ name: 'append', key: 'id' }],
  ddl: `create table append (id bigint primary key, client text not null, n int not null,
    op bigint not null);
    create trigger arrived after insert on append for each row execute function torture.arrived();
    alter table append enable replica trigger arrived`,
  async act(turn) {
    await turn.query('insert into append values ($1, $2, $3, $1)', [
      turn.id,
      turn.clientName,
      turn.n,
    ]);
    turn.wrote('append', turn.id);
  },
};

/** Without a key nothing absorbs a row that is applied twice. */
export const twin: Workload = {
  name: 'twin',
  tables: [{ name: 'twin', key: 'op', singleWriter: true }],
  ddl: 'create table twin (op bigint not null, client text not null, n int not null)',
  async act(turn) {
    await turn.query('insert into twin values ($1, $2, $3)', [turn.id, turn.clientName, turn.n]);
    turn.wrote('twin', turn.id);
  },
};

/** A transaction of many rows, which is applied in parts and must still be seen whole. */
export const bulk: Workload = {
  name: 'bulk',
  tables: [{ name: 'bulk', key: 'id' }],
  weight: 0.02,
  ddl: 'create table bulk (id text primary key, filler text not null, op bigint not null)',
  async act(turn) {
    const rows = turn.random.between(100, 1500);
    await turn.query(
      `insert into bulk select $1 || '/' || i, repeat(md5(i::text), 8), $1::bigint
       from generate_series(1, $2) i`,
      [String(turn.id), rows],
    );
    for (let i = 1; i <= rows; i++) turn.wrote('bulk', `${turn.id}/${i}`);
  },
};
