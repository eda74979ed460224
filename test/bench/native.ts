// The server's own logical replication, as its documentation sets it up: defaults, but for what is
// replicated not being replicated again (`origin = none`), which ours never does either.
import { randomBytes } from 'node:crypto';
import { eventually } from '../support/eventually.ts';
import { type Layout, pairsOf, type Side } from './side.ts';
import type { Stage } from './stage.ts';

export async function replicateNatively(stage: Stage, layout: Layout): Promise<Side> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  const subscriptions = pairsOf(layout).map((pair, i) => ({ ...pair, slot: `${name}_${i}` }));
  for (const source of layout.sources)
    await source.query(`create publication ${name} for tables in schema public`);
  for (const { from, to, slot } of subscriptions) {
    await to.query(
      `create subscription ${slot} connection '${from.url}' publication ${name}
       with (copy_data = false, origin = none)`,
    );
    stage.onClear(() => to.query(`drop subscription ${slot}`));
  }

  const untilActive = async (active: boolean) => {
    for (const { from, slot } of subscriptions)
      await eventually(
        async () => {
          const query = 'select active::text from pg_replication_slots where slot_name = $1';
          const [row] = await from.query(query, [slot]);
          return row?.['active'] === String(active);
        },
        { timeoutMs: 60_000, what: `${slot} active: ${active}` },
      );
  };
  const side: Side = {
    layout,
    async start() {
      for (const { to, slot } of subscriptions) await to.query(`alter subscription ${slot} enable`);
      await untilActive(true);
    },
    async pause() {
      for (const { to, slot } of subscriptions)
        await to.query(`alter subscription ${slot} disable`);
      await untilActive(false);
    },
  };
  await untilActive(true);
  await side.pause();
  return side;
}
