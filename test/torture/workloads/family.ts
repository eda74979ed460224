// Parents and children with a foreign key. On the database of the write the key always holds; where
// changes of several databases meet, a child can be left without its parent, but everywhere alike.
import type { Workload } from './workload.ts';

export const family: Workload = {
  name: 'family',
  tables: [
    { name: 'parent', key: 'id' },
    { name: 'child', key: 'id' },
  ],
  ddl: `create table parent (id int primary key, value text not null, op bigint not null);
    create table child (id int primary key, parent int not null references parent, op bigint not null);
    create index on child (parent)`,
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('parent', id);
    if (seen === undefined) {
      await turn.query('insert into parent values ($1, $2, $3)', [id, 'born', turn.id]);
      turn.wrote('parent', id);
      return;
    }
    if (turn.random.chance(0.25)) {
      const children = await turn.query('delete from child where parent = $1 returning id, op', [
        id,
      ]);
      for (const child of children) turn.deleted('child', Number(child['id']), Number(child['op']));
      await turn.query('delete from parent where id = $1', [id]);
      turn.deleted('parent', id, seen);
      return;
    }
    const child = turn.key();
    const seenChild = await turn.seen('child', child);
    await turn.query(
      seenChild === undefined
        ? 'insert into child values ($1, $2, $3)'
        : 'update child set parent = $2, op = $3 where id = $1',
      [child, id, turn.id],
    );
    turn.wrote('child', child, seenChild);
  },
};
