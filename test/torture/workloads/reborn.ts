// Rows that come and go under the same key, and rows whose key changes.
import type { Workload } from './workload.ts';

export const reborn: Workload = {
  name: 'reborn',
  tables: [{ name: 'reborn', key: 'id' }],
  ddl: 'create table reborn (id int primary key, value text not null, op bigint not null)',
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('reborn', id);
    if (seen === undefined) {
      await turn.query('insert into reborn values ($1, $2, $3)', [id, 'born', turn.id]);
      turn.wrote('reborn', id);
    } else if (turn.random.chance(0.6)) {
      await turn.query('delete from reborn where id = $1', [id]);
      turn.deleted('reborn', id, seen);
    } else {
      await turn.query('update reborn set value = $2, op = $3 where id = $1', [
        id,
        `lives on by ${turn.id}`,
        turn.id,
      ]);
      turn.wrote('reborn', id, seen);
    }
  },
};

export const moving: Workload = {
  name: 'moving',
  tables: [{ name: 'moving', key: 'id' }],
  ddl: 'create table moving (id int primary key, value text not null, op bigint not null)',
  async act(turn) {
    const from = turn.key();
    const to = turn.key();
    const seen = await turn.seen('moving', from);
    if (seen === undefined) {
      await turn.query('insert into moving values ($1, $2, $3)', [from, 'settled', turn.id]);
      turn.wrote('moving', from);
      return;
    }
    await turn.query('update moving set id = $2, value = $3, op = $4 where id = $1', [
      from,
      to,
      `came from ${from}`,
      turn.id,
    ]);
    if (from !== to) turn.deleted('moving', from, seen);
    turn.wrote('moving', to, seen);
  },
};
