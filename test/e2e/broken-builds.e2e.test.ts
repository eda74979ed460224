// The proofs, proved: on a build with one rule broken each scenario must fail, and in the way that
// is to be expected, or it would say nothing about the real one.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrokenBuild, breakages, breakBuild } from '../support/broken-build.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import {
  commitBehindConfirmedCommit,
  commitBehindConfirmedKeepalive,
} from './scenarios/adjacent-commits.ts';
import { cutAtEachMessage, killAt, killBehindEachMessage } from './scenarios/crash-steps.ts';
import { restsAndComesBack } from './scenarios/detach-steps.ts';
import type { Scenario } from './scenarios/one-way.ts';
import { refusedThenMended } from './scenarios/poison.ts';
import { frozenOwnerCannotWrite, ownerKeepsItsSource } from './scenarios/take-over.ts';
import {
  crashBeforeFlush,
  crashBehindConfirmation,
  crashBehindUnflushedCommit,
} from './scenarios/target-loses-memory.ts';
import {
  othersWriteWhileWeAreIdle,
  sourceGoesOnWhileTargetIsLocked,
  sourceGoesOnWhileTargetIsSilent,
} from './scenarios/unapplied-positions.ts';

type Proof = [BrokenBuild, string, (scenario: Scenario) => Promise<void>, RegExp];

const neverArrived = /^second \d+ on b: not within/;
const confirmedTooMuch = /^confirmed while unapplied/;
const rowsDiffer = /^rows on b/;
/** What was inserted is there already, and is refused when it comes again. */
const refusedAgain = /^sentinel \d+ on b: not within/;
const confirmedIsGone = /^what was confirmed is there/;

const proofs: Proof[] = [
  ['plus-one-confirm', 'adjacent commits', adjacentCommits, neverArrived],
  ['plus-one-confirm', 'a confirmed keepalive', adjacentToKeepalive, neverArrived],
  ['timer-confirms-received', 'a lock', sourceGoesOnWhileTargetIsLocked, confirmedTooMuch],
  ['timer-confirms-received', 'silence', sourceGoesOnWhileTargetIsSilent, confirmedTooMuch],
  ['keepalive-confirms-unapplied', 'a lock', sourceGoesOnWhileTargetIsLocked, confirmedTooMuch],
  ['keepalive-is-never-stored', 'others who write', othersWriteWhileWeAreIdle, /^confirmation of/],
  ['progress-outside-the-transaction', 'kill -9', killedInTheBatch, rowsDiffer],
  ['progress-outside-the-transaction', 'a cut', cutInTheBatch, rowsDiffer],
  ['progress-after-the-transaction', 'kill -9', killedBeforeReply, refusedAgain],
  ['commit-is-not-flushed', 'a crash of its target', targetCrashes, confirmedIsGone],
  ['progress-is-read-unflushed', 'such a crash', successorsTargetCrashes, confirmedIsGone],
  ['seen-is-taken-for-lasting', 'such a crash', crashesBeforeFlush, rowsDiffer],
  ['no-dedupe-by-progress', 'kill -9', killedBeforeConfirmation, rowsDiffer],
  ['refused-batch-is-skipped', 'a refusal', poison, /^progress on b/],
  // the epoch alone keeps the batch of a frozen owner out
  ['ends-no-session', 'a frozen owner', frozenOwner, /^on its way on b: not within/],
  ['epoch-is-not-compared', 'a frozen owner', frozenOwner, /^rows that the frozen owner wrote/],
  ['takes-from-the-living', 'an owner that lives', ownerKeepsItsSource, /^the owner was replaced/],
  ['handover-forgets', 'a target that comes back', comesBack, rowsDiffer],
  ['own-stream-ends-early', 'a target that comes back', comesBack, rowsDiffer],
];
// up to 15 the origin stays where it was
if (newest >= 16) proofs.push(['resume-from-origin', 'a refusal', poison, /^progress on b/]);

test('each can be built, also those that the torture run is for', () => {
  for (const name of Object.keys(breakages)) breakBuild(name as BrokenBuild);
});

test.each(proofs)('%s is noticed by %s', async (name, _, prove, failure) => {
  const server = await sharedServer(newest);
  const proof = prove({ server, program: breakBuild(name), patienceMs: 5_000 });
  await expect(proof).rejects.toThrow(failure);
});

// its own, as in the test of the real build
let targetServer: PostgresServer;

beforeAll(async () => {
  targetServer = await startServer({ major: newest });
});

afterAll(async () => {
  await targetServer.remove();
});

async function adjacentCommits(scenario: Scenario): Promise<void> {
  await commitBehindConfirmedCommit({ ...scenario, targetServer, rounds: 1 });
}

async function adjacentToKeepalive(scenario: Scenario): Promise<void> {
  await commitBehindConfirmedKeepalive({ ...scenario, targetServer, rounds: 1 });
}

async function targetCrashes(scenario: Scenario): Promise<void> {
  await crashBehindConfirmation({ ...scenario, targetServer });
}

async function successorsTargetCrashes(scenario: Scenario): Promise<void> {
  await crashBehindUnflushedCommit({ ...scenario, targetServer });
}

async function crashesBeforeFlush(scenario: Scenario): Promise<void> {
  await crashBeforeFlush({ ...scenario, targetServer });
}

async function killedInTheBatch(scenario: Scenario): Promise<void> {
  await killBehindEachMessage({ ...scenario, path: 'as sets' });
}

async function cutInTheBatch(scenario: Scenario): Promise<void> {
  await cutAtEachMessage({ ...scenario, path: 'as sets' });
}

async function killedBeforeReply(scenario: Scenario): Promise<void> {
  await killAt('commit done, its reply lost', { ...scenario, path: 'as sets' });
}

async function killedBeforeConfirmation(scenario: Scenario): Promise<void> {
  await killAt('before the confirmation', { ...scenario, path: 'as sets' });
}

async function frozenOwner(scenario: Scenario): Promise<void> {
  await frozenOwnerCannotWrite({ ...scenario, patienceMs: 10_000 });
}

/** It brings much each time: that alone takes seconds where the machine is busy. */
async function comesBack(scenario: Scenario): Promise<void> {
  await restsAndComesBack({ ...scenario, patienceMs: 20_000 });
}

async function poison(scenario: Scenario): Promise<void> {
  await refusedThenMended('a check constraint', scenario);
}
