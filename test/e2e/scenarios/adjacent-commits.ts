// What is confirmed ends exactly where the next commit record begins. One byte further, and that
// commit is never sent: decoding skips what begins before the confirmed position.
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';
import { openWriter, type Writer, writeElsewhere } from './writer.ts';

interface Rounds extends Scenario {
  /** How often it must have happened that nothing lay between the two. */
  rounds: number;
}

/** T1 is applied and confirmed, and T2's commit record begins right behind T1's. */
export async function commitBehindConfirmedCommit(scenario: Rounds): Promise<void> {
  await using world = await createOneWay(scenario);
  await using first = await openWriter(world.source.database.url);
  await using second = await openWriter(world.source.database.url);
  await repeat(world, first, second, scenario.rounds, async (round) => {
    await first.run(`begin; insert into log values ('first ${round}')`);
    await first.run('commit');
  });
}

/** T2 has begun; what is confirmed is the position of a keepalive, right before T2's commit record. */
export async function commitBehindConfirmedKeepalive(scenario: Rounds): Promise<void> {
  await using world = await createOneWay(scenario);
  await using elsewhere = await openWriter(scenario.server.url('postgres'));
  await using second = await openWriter(world.source.database.url);
  await repeat(world, elsewhere, second, scenario.rounds, async () => {
    await writeElsewhere(elsewhere, 20);
  });
}

async function repeat(
  world: OneWay,
  first: Writer,
  second: Writer,
  rounds: number,
  commitFirst: (round: number) => Promise<void>,
): Promise<void> {
  let replicator = await world.start();
  const commitBytes = await sizeOfCommit(second);
  let adjacent = 0;
  for (let round = 0; adjacent < rounds; round++) {
    if (round > rounds + 20) throw new Error('the commit records never were adjacent');
    await second.run(`begin; insert into log values ('second ${round}')`);
    await commitFirst(round);
    const confirmed = await first.lsn();
    // The server writes WAL of its own now and then: behind the commit it would not be confirmed
    // for long, and such a round proves nothing.
    if (!(await world.isConfirmedSoon(confirmed))) {
      await second.run('commit');
      await world.settle();
      continue;
    }
    // not asked to stop: it would write its state on the source
    await replicator.kill();
    await second.run('commit');
    if ((await second.lsn()) === confirmed + commitBytes) adjacent += 1;
    replicator = await world.start();
    await world.untilArrived(`second ${round}`);
    await world.settle();
  }
}

/** The smallest of some: a commit record that begins a page is preceded by a header. */
async function sizeOfCommit(writer: Writer): Promise<bigint> {
  const sizes: bigint[] = [];
  for (let i = 0; i < 5; i++) {
    await writer.run(`begin; insert into log values ('probe ${i}')`);
    const begin = await writer.lsn();
    await writer.run('commit');
    sizes.push((await writer.lsn()) - begin);
  }
  return sizes.reduce((least, size) => (size < least ? size : least));
}
