// Nothing is applied twice, and what belongs together stays together.
import { type Evidence, type Finding, finder } from './check.ts';

export function* checkDoubled({ rows }: Evidence): Generator<Finding> {
  const doubled = finder('doubled');
  for (const [{ name: table }, of] of rows)
    for (const [database, found] of of) {
      const times = new Map<string, number>();
      for (const { key } of found) times.set(key, (times.get(key) ?? 0) + 1);
      for (const [key, n] of times)
        if (n > 1) yield doubled(`${table} ${key} on ${database}: ${n} times`);
    }
}

/** A counter is as high as the chain of increments that led to it is long. */
export async function* checkCounters({ world, facts }: Evidence): AsyncGenerator<Finding> {
  if (!world.workloads.some(({ name }) => name === 'counter')) return;
  const miscounted = finder('miscounted');
  const writes = facts.writes.get('counter') ?? new Map();
  for (const master of world.masters)
    for (const { id, value, op } of await master.query('select id, value, op from counter')) {
      const seenBy = new Map<number, number | undefined>();
      for (const { operation, effect } of writes.get(id ?? '') ?? [])
        seenBy.set(operation.id, effect.seen);
      let length = 0;
      for (let at: number | undefined = Number(op); at !== undefined; at = seenBy.get(at)) length++;
      if (length !== Number(value))
        yield miscounted(
          `counter ${id} on ${master.name}: ${value} after a chain of ${length} increments`,
        );
    }
}

/** Large values belong to the rest of their row; transactions of many rows are there whole. */
export async function* checkWhole({ world }: Evidence): AsyncGenerator<Finding> {
  const torn = finder('torn');
  const has = (name: string) => world.workloads.some((workload) => workload.name === name);
  const sizes = new Map(
    world.history.operations
      .filter(({ workload }) => workload === 'bulk')
      .map(({ id, effects }) => [id, effects.length]),
  );
  for (const master of world.masters) {
    if (has('document'))
      for (const { id, op } of await master.query(
        'select id, op from document where md5(body) is distinct from body_md5',
      ))
        yield torn(`document ${id} on ${master.name}: ${op} has the body of another version`);
    if (has('bulk'))
      for (const { op, n } of await master.query('select op, count(*) as n from bulk group by op'))
        if (sizes.get(Number(op)) !== Number(n))
          yield torn(`bulk on ${master.name}: ${n} of ${sizes.get(Number(op))} rows of ${op}`);
  }
}

/** What one client wrote became visible elsewhere in the order in which it was written, and once. */
export async function* checkOrder({ world }: Evidence): AsyncGenerator<Finding> {
  const disorder = finder('out of order');
  for (const master of world.masters)
    for (const { client, n, op, before } of await master.query(
      `select client, n, op, before from (
         select client, n, op, xmin, seq,
                max(n) over (partition by client order by seq
                  rows between unbounded preceding and 1 preceding) as before,
                lag(xmin) over (partition by client order by seq) as xmin_before
         from torture.arrival) arrivals
       where n <= before and xmin <> xmin_before`,
    ))
      yield disorder(
        `append ${op} on ${master.name}: turn ${n} of ${client} arrived after turn ${before}`,
      );
}
