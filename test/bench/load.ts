// The load: procedures on the source that commit after each transaction, so that one connection
// reaches the rates of many clients and the machine's processors are left to what is measured.
import { markTable } from './marks.ts';
import type { Stage } from './stage.ts';

export interface Shape {
  /** Tables with their rows, the same on every database; `{writer}` is the database's number. */
  readonly tables: string;
  /** One transaction in PL/pgSQL; `i` counts them from 1 up within a call. */
  readonly transaction: string;
  readonly rowsPerTransaction: number;
}

/** Everything that a database of this shape holds, procedures included. */
export function schemaOf({ tables, transaction }: Shape, writer = 1): string {
  return `
    ${markTable}
    ${tables.replaceAll('{writer}', String(writer))}
    create schema load;
    -- so many transactions in all, from number first on; none: as many as fit into the seconds;
    -- at most so many per second
    create procedure load.run(inout done int, first int, most int, per_second int, seconds float8)
    language plpgsql as $$
    declare
      began timestamptz := clock_timestamp();
      elapsed float8 := 0;
      i int;
      writer int := ${writer};
    begin
      done := 0;
      loop
        elapsed := extract(epoch from clock_timestamp() - began);
        exit when done >= most or elapsed >= seconds;
        if done >= elapsed * per_second then
          perform pg_sleep(0.001);
          continue;
        end if;
        i := first + done;
        ${transaction}
        commit;
        done := done + 1;
      end loop;
    end $$;`;
}

export interface LoadOptions {
  readonly clients: number;
  /** Of all clients together. */
  readonly transactions?: number;
  readonly perSecond?: number;
  readonly seconds?: number;
  /** Of the transactions' commits on the source: a backlog is made faster without waiting. */
  readonly synchronousCommit?: 'on' | 'off';
}

let nextNumber = 1;
/** What a client that is not told how many reaches in no run. */
const mostWithoutNumber = 1_000_000;

/** Returns how many transactions were committed. */
export async function runLoad(
  stage: Stage,
  database: Parameters<Stage['connect']>[0],
  options: LoadOptions,
): Promise<number> {
  const { clients, transactions, perSecond, seconds, synchronousCommit = 'on' } = options;
  const share = (total: number | undefined) =>
    total === undefined ? null : Math.ceil(total / clients);
  const calls = Array.from({ length: clients }, async () => {
    const client = await stage.connect(database);
    // Keys are made of it, so it is never used twice.
    const first = nextNumber;
    nextNumber += share(transactions) ?? mostWithoutNumber;
    await client.query(`set synchronous_commit = ${synchronousCommit}`);
    const { rows } = await client.query('call load.run(0, $1, $2, $3, $4)', [
      first,
      share(transactions),
      share(perSecond),
      seconds ?? null,
    ]);
    return rows[0].done as number;
  });
  return (await Promise.all(calls)).reduce((sum, n) => sum + n, 0);
}
