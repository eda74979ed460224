// Values that only one row may have, beside the primary key; two of them, so that one row can lose
// for either. Which rows stay is for the replicator to say, but it must say it everywhere alike.
import type { Turn, Workload } from './workload.ts';

export const unique: Workload = {
  name: 'unique',
  tables: [{ name: 'account', key: 'id', contested: true }],
  ddl: `create table account (id int primary key, email text unique, phone text unique,
    note text, op bigint not null)`,
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('account', id);
    const values = { email: `${turn.key()}@example.com`, phone: `+${turn.key()}` };
    if (seen === undefined) {
      await turn.query('insert into account values ($1, $2, $3, null, $4)', [
        id,
        values.email,
        turn.random.chance(0.5) ? values.phone : null,
        turn.id,
      ]);
      turn.wrote('account', id);
      return;
    }
    await turn.random.pick([changeEmail, changeBoth, annotate, remove, swap])(turn, id, seen);
  },
};

async function changeEmail(turn: Turn, id: number, seen: number): Promise<void> {
  const email = `${turn.key()}@example.com`;
  await turn.query('update account set email = $2, op = $3 where id = $1', [id, email, turn.id]);
  turn.wrote('account', id, seen);
}

async function changeBoth(turn: Turn, id: number, seen: number): Promise<void> {
  await turn.query('update account set email = $2, phone = $3, op = $4 where id = $1', [
    id,
    `${turn.key()}@example.com`,
    `+${turn.key()}`,
    turn.id,
  ]);
  turn.wrote('account', id, seen);
}

async function annotate(turn: Turn, id: number, seen: number): Promise<void> {
  await turn.query('update account set note = $2, op = $3 where id = $1', [
    id,
    `noted by ${turn.id}`,
    turn.id,
  ]);
  turn.wrote('account', id, seen);
}

async function remove(turn: Turn, id: number, seen: number): Promise<void> {
  await turn.query('delete from account where id = $1', [id]);
  turn.deleted('account', id, seen);
}

/** Inside one transaction, which is no conflict however it is replicated. */
async function swap(turn: Turn, id: number, seen: number): Promise<void> {
  const other = turn.key();
  const seenOther = await turn.seen('account', other);
  if (other === id || seenOther === undefined) return await annotate(turn, id, seen);
  const emails = await turn.query('select id, email from account where id = any ($1)', [
    [id, other],
  ]);
  const emailOf = (of: number) => emails.find((row) => Number(row['id']) === of)?.['email'] ?? null;
  const set = 'update account set email = $2, op = $3 where id = $1';
  await turn.query(set, [id, null, turn.id]);
  await turn.query(set, [other, emailOf(id), turn.id]);
  await turn.query(set, [id, emailOf(other), turn.id]);
  turn.wrote('account', id, seen);
  turn.wrote('account', other, seenOther);
}
