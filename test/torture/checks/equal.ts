// Every database has the same rows, and knows the same database as the writer of each: if it did
// not, the next conflict would be decided differently here and there.
import { masterOf } from '../history.ts';
import type { FoundRow } from '../rows.ts';
import { type Evidence, type Finding, finder, type Rows } from './check.ts';
import { historyOf } from './history-of.ts';

export function* checkEqual({ world, facts, rows }: Evidence): Generator<Finding> {
  const diverged = finder('diverged');
  for (const [{ name: table }, of] of rows) {
    const sides = byKey(of);
    for (const key of new Set([...sides.values()].flatMap((side) => [...side.keys()]))) {
      const found = [...sides].map(([database, side]) => [database, side.get(key)] as const);
      if (new Set(found.map(([, row]) => row?.hash)).size === 1) continue;
      const operations = found.map(([database, row]) => `${database} ${row?.op ?? 'nothing'}`);
      yield diverged(`${table} ${key}: ${operations.join(', ')}`, {
        found: found.map(([database, row]) => ({ database, ...describe(row) })),
        history: historyOf(facts, table, key, world),
      });
    }
  }
}

export function* checkWriters({ world, facts, rows }: Evidence): Generator<Finding> {
  const wrong = finder('wrong writer');
  for (const [{ name: table }, of] of rows)
    for (const [database, found] of of)
      for (const row of found) {
        const { key, op, writer } = row;
        const expected = world.masters[masterOf(op)]?.name;
        if (writer === undefined || writer === expected) continue;
        yield wrong(`${table} ${key} on ${database}: ${writer} instead of ${expected}`, {
          ...describe(row),
          history: historyOf(facts, table, key, world),
        });
      }
}

export function byKey(rows: Rows): Map<string, Map<string, FoundRow>> {
  return new Map(
    [...rows].map(([database, found]) => [database, new Map(found.map((row) => [row.key, row]))]),
  );
}

const describe = (row: FoundRow | undefined) => ({
  op: row?.op,
  hash: row?.hash,
  writer: row?.writer,
  stamp: row?.stamp?.toString(),
});
