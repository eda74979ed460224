// Large values that are not sent when they have not changed: a row must never be left with the
// body of one version and the rest of another.
import { createHash } from 'node:crypto';
import type { Workload } from './workload.ts';

export const document: Workload = {
  name: 'document',
  tables: [{ name: 'document', key: 'id' }],
  weight: 0.5,
  // external: kept outside of the row, and not compressed
  ddl: `create table document (id int primary key, title text not null, body text not null,
    body_md5 text not null, op bigint not null);
    alter table document alter body set storage external`,
  async act(turn) {
    const id = turn.key();
    const seen = await turn.seen('document', id);
    if (seen !== undefined && turn.random.chance(0.6)) {
      await turn.query('update document set title = $2, op = $3 where id = $1', [
        id,
        `titled by ${turn.id}`,
        turn.id,
      ]);
      turn.wrote('document', id, seen);
      return;
    }
    if (seen !== undefined && turn.random.chance(0.3)) {
      await turn.query('delete from document where id = $1', [id]);
      turn.deleted('document', id, seen);
      return;
    }
    const body = turn.random.text(turn.random.between(3_000, 60_000));
    const md5 = createHash('md5').update(body).digest('hex');
    await turn.query(
      seen === undefined
        ? 'insert into document values ($1, $2, $3, $4, $5)'
        : 'update document set title = $2, body = $3, body_md5 = $4, op = $5 where id = $1',
      [id, `written by ${turn.id}`, body, md5, turn.id],
    );
    turn.wrote('document', id, seen);
  },
};
