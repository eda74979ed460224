// All that was committed to one row, from the oldest version on: what is read first when a run has
// found something.
import type { Facts } from '../outcome.ts';
import type { World } from '../world.ts';

const most = 12;

export function historyOf(facts: Facts, table: string, key: string, world: World): string[] {
  const writes = facts.writes.get(table)?.get(key) ?? [];
  return writes.slice(-most).map(({ operation, effect }) => {
    const { id, version, outcome, client } = operation;
    const seen = effect.seen === undefined ? '' : ` over ${effect.seen}`;
    const master = world.masters[version.master]?.name;
    return `${version.time} ${master} ${effect.kind} by ${id}${seen} (${client}, ${outcome})`;
  });
}
