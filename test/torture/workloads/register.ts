// A few rows that everybody writes: the last write of each stays.
import type { Workload } from './workload.ts';

export const register: Workload = {
  name: 'register',
  tables: [{ name: 'register', key: 'id' }],
  ddl: 'create table register (id int primary key, value text not null, op bigint not null)',
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('register', id);
    await turn.query(
      seen === undefined
        ? 'insert into register values ($1, $2, $3)'
        : 'update register set value = $2, op = $3 where id = $1',
      [id, `written by ${turn.id}`, turn.id],
    );
    turn.wrote('register', id, seen);
  },
};

/** Written twice or more in one transaction, which is applied as one write. */
export const rewrite: Workload = {
  name: 'rewrite',
  tables: [{ name: 'rewrite', key: 'id' }],
  ddl: 'create table rewrite (id int primary key, value text, other text, op bigint not null)',
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('rewrite', id);
    if (seen === undefined)
      await turn.query('insert into rewrite (id, op) values ($1, $2)', [id, turn.id]);
    if (turn.random.chance(0.3)) {
      await turn.query('delete from rewrite where id = $1', [id]);
      await turn.query('insert into rewrite (id, op) values ($1, $2)', [id, turn.id]);
    }
    await turn.query('update rewrite set value = $2, op = $3 where id = $1', [id, 'once', turn.id]);
    await turn.query('update rewrite set other = $2, op = $3 where id = $1', [id, 'more', turn.id]);
    turn.wrote('rewrite', id, seen);
  },
};

/** Increments that were lost show in the sum: it is the length of the chain that led to the row. */
export const counter: Workload = {
  name: 'counter',
  tables: [{ name: 'counter', key: 'id' }],
  ddl: 'create table counter (id int primary key, value bigint not null, op bigint not null)',
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('counter', id);
    await turn.query(
      seen === undefined
        ? 'insert into counter values ($1, 1, $2)'
        : 'update counter set value = value + 1, op = $2 where id = $1',
      [id, turn.id],
    );
    turn.wrote('counter', id, seen);
  },
};
