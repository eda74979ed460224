// Rows that nobody else touches: each must be on every database, once.
import { setTimeout as sleep } from 'node:timers/promises';
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

/**
 * Transactions that begin together, once a second, and end one after the other: their commits lie next
 * to each other in the log.
 */
export const linger: Workload = {
  name: 'linger',
  tables: [{ name: 'linger', key: 'id' }],
  weight: 0.02,
  ddl: 'create table linger (id bigint primary key, op bigint not null)',
  waitBefore: () => sleep(1000 - (Date.now() % 1000)),
  async act(turn) {
    await turn.query('insert into linger values ($1, $1)', [turn.id]);
    await sleep(turn.random.between(0, 900));
    turn.wrote('linger', turn.id);
  },
};

/** Without a key nothing absorbs what is applied twice, and rows are found by all of their values. */
export const twin: Workload = {
  name: 'twin',
  tables: [{ name: 'twin', key: 'id', singleWriter: true }],
  ddl: `create table twin (id bigint not null, client text not null, n int not null,
    op bigint not null);
    alter table twin replica identity full`,
  async act(turn) {
    const [row] = await turn.query(
      `select id, op from twin where id >= $1 and client = $2 order by id limit 1 for update`,
      [turn.random.between(0, turn.id), turn.clientName],
    );
    const change = turn.random.next();
    if (row === undefined || change < 0.6) {
      const values = [turn.id, turn.clientName, turn.n];
      await turn.query('insert into twin values ($1, $2, $3, $1)', values);
      turn.wrote('twin', turn.id);
      return;
    }
    const id = Number(row['id']);
    const seen = Number(row['op']);
    if (change < 0.8) {
      await turn.query('update twin set n = n + 1, op = $2 where id = $1', [id, turn.id]);
      turn.wrote('twin', id, seen);
    } else {
      await turn.query('delete from twin where id = $1', [id]);
      turn.deleted('twin', id, seen);
    }
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
