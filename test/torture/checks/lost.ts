// No acknowledged write is lost: what was written last is what is there, and whoever wrote without
// having seen the other finds the conflict in the log.
import type { Committed, LastWrite } from '../outcome.ts';
import { type Evidence, type Finding, finder } from './check.ts';
import { byKey } from './equal.ts';
import { historyOf } from './history-of.ts';

export function* checkLost(evidence: Evidence): Generator<Finding> {
  const { world, facts, rows, clockSteppedBack } = evidence;
  const lost = finder('lost');
  for (const line of facts.contradictions) yield lost(line);
  for (const [{ name: table, contested }, of] of rows) {
    // who wins is then more than the newest commit, and must only be the same everywhere
    if (contested || (clockSteppedBack && world.options.rows === 'shared')) continue;
    const writes = facts.writes.get(table) ?? new Map<string, readonly LastWrite[]>();
    for (const [database, found] of byKey(of)) {
      for (const [key, all] of writes) {
        const last = all.at(-1);
        const expected = last?.effect.kind === 'write' ? last.operation.id : undefined;
        const op = found.get(key)?.op;
        if (op !== expected)
          yield lost(`${table} ${key} on ${database}: ${op ?? 'nothing'} instead of ${expected}`, {
            history: historyOf(facts, table, key, world),
          });
      }
      for (const [key, { op }] of found)
        if (!writes.has(key)) yield lost(`${table} ${key} on ${database}: ${op} was never written`);
    }
  }
}

/** As in the file: what is overruled later than this is taken for seen. */
const windowMicros = 1_000_000n;

/**
 * A write that no other has seen has either won or is in the log of conflicts. One way out is known, and
 * in docs/reference/conflicts.md: a delete that its own database reads late has no memory of what came
 * and went in between.
 */
export function* checkExplained(evidence: Evidence): Generator<Finding> {
  const { world, facts, rows, conflicts } = evidence;
  const silent = finder('lost without a word');
  const logged = new Set(conflicts.flatMap(({ operations }) => operations));
  for (const [{ name: table }, of] of rows) {
    const [first] = byKey(of).values();
    const present = new Set([...(first?.values() ?? [])].map(({ op }) => op));
    for (const [key, writes] of facts.writes.get(table) ?? []) {
      const seen = new Set(writes.map(({ effect }) => effect.seen));
      for (const { operation, effect } of writes) {
        const { id } = operation;
        if (effect.kind !== 'write' || seen.has(id) || present.has(id) || logged.has(id)) continue;
        if (writes.some((other) => deletesUnseen(other, operation))) continue;
        yield silent(`${table} ${key}: operation ${id} is gone, and no conflict is logged`, {
          history: historyOf(facts, table, key, world),
        });
      }
    }
  }
}

function deletesUnseen({ effect, operation }: LastWrite, { version }: Committed): boolean {
  return (
    effect.kind === 'delete' &&
    operation.version.master !== version.master &&
    operation.version.time - version.time > windowMicros
  );
}
