// Builds with one rule broken on purpose. A test of that rule must fail there, or it proves nothing.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from './temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A text of the built program (any white space matches any), and what takes its place. */
interface Breakage {
  readonly file: string;
  readonly text: string;
  readonly becomes: string;
}

/** The second line of defence: it must be gone for the first one to be tried. */
const appliesWhatIsApplied: Breakage = {
  file: 'target/apply/transaction-frame.js',
  text: 'if (endLsn > this.#progress.lsn) return;',
  becomes: 'return;',
};

/** Likewise: a session that is ended cannot write whatever its epoch is. */
const endsNoSession: Breakage = {
  file: 'postgres/end-backend.js',
  text: 'const deadline = performance.now() + patienceMs;',
  becomes: 'return;',
};

export const breakages = {
  /** As pg-logical-replication's acknowledge() does it. */
  'plus-one-confirm': [
    {
      file: 'source/capture/standby-status.js',
      text: 'writeBigUInt64BE(status.flushedLsn, 9)',
      becomes: 'writeBigUInt64BE(status.flushedLsn + 1n, 9)',
    },
    // else the slot would be found to be ahead of the target before anything is lost
    {
      file: 'source/capture/slot-identity.js',
      text: 'if (progress < confirmedLsn)',
      becomes: 'if (progress + 1n < confirmedLsn)',
    },
  ],
  /** As its timer does it, also with `auto: false`. */
  'timer-confirms-received': [
    {
      file: 'source/confirmation.js',
      text: 'flushedLsn: this.#confirmedLsn,',
      becomes: 'flushedLsn: this.#receivedLsn,',
    },
  ],
  'keepalive-confirms-unapplied': [
    {
      file: 'source/source-reader.js',
      text: 'this.#passed(walEnd, replyRequested);',
      becomes: '{ this.#passed(walEnd, false); this.#confirmation.begin(walEnd); }',
    },
  ],
  'keepalive-is-never-stored': [
    {
      file: 'source/source-reader.js',
      text: 'this.#passed(walEnd, replyRequested);',
      becomes: '{}',
    },
  ],
  'progress-outside-the-transaction': [
    {
      file: 'target/apply/applier.js',
      text: 'this.#frame.stamp(batch)',
      becomes: 'commit, begin, this.#frame.stamp(batch)',
    },
  ],
  'progress-after-the-transaction': [
    {
      file: 'target/apply/apply-batch.js',
      text: 'const reply = sent ?? connection.sendAtOnce(atOnce(prepared, plan, connection, begin));',
      becomes: `const isAdvance = ({ name }) => name === 'advance';
              const [open, close] = ['begin', 'commit'].map((text) => ({ text, name: text }));
              const data = begin.filter((each) => !isAdvance(each));
              await connection.session.group(
                  [...atOnce(prepared, plan, connection, data), close]);
              const reply = connection.sendAtOnce([open, ...begin.filter(isAdvance)]);`,
    },
    // all of them, also those that would have been sent ahead
    {
      file: 'subscription/delivery.js',
      text: 'await applier.apply(batch, () => this.#batchBehind(parts, batch.endLsn));',
      becomes: 'await applier.apply(batch);',
    },
  ],
  'commit-is-not-flushed': [
    {
      file: 'target/apply/transaction-frame.js',
      text: 'where source = $1 for update',
      becomes: 'where source = $1',
    },
  ],
  'progress-is-read-unflushed': [
    {
      file: 'target/apply/apply-session.js',
      text: "synchronous_commit: 'on',",
      becomes: "synchronous_commit: 'off',",
    },
  ],
  'seen-is-taken-for-lasting': [
    {
      file: 'subscription/subscription.js',
      text: 'const known = this.#progress;',
      becomes: 'const known = this.#flushedLsn;',
    },
  ],
  'no-dedupe-by-progress': [
    {
      file: 'subscription/inbox.js',
      text: 'part.transaction.commitLsn < this.#receivedLsn',
      becomes: 'false',
    },
    appliesWhatIsApplied,
  ],
  /** From 16 on the origin has moved past what was rolled back. */
  'resume-from-origin': [
    {
      file: 'target/progress/progress.js',
      text: `'select lsn::text, epoch::text from replicator.progress where source = $1 for update'`,
      becomes: `\`update replicator.progress
        set lsn = greatest(lsn, pg_catalog.pg_replication_origin_progress(origin, false))
        where source = $1 returning lsn::text, epoch::text\``,
    },
  ],
  'refused-batch-is-skipped': [
    {
      file: 'subscription/delivery.js',
      text: 'await applier.apply(batch, () => this.#batchBehind(parts, batch.endLsn));',
      becomes: `await applier.apply(batch).catch(async () => {
        await applier.session.rollback();
        await applier.pass(batch.endLsn);
      });`,
    },
  ],
  /** What the stream brings while a target comes back into it. */
  'handover-forgets': [
    {
      file: 'source/handover.js',
      text: 'this.subscriber.receive(part);',
      becomes: 'void part;',
    },
  ],
  'own-stream-ends-early': [
    {
      file: 'source/source-reader.js',
      text: 'if (part.first && this.#endsAt(part.transaction.commitLsn)) return;',
      becomes: 'if (this.#end !== undefined) { this.#endsAt(this.#end.lsn); return; }',
    },
  ],
  /** A stand-in for sessions that cannot be ended: a target that is cut off while we take over. */
  'ends-no-session': [endsNoSession],
  'epoch-is-not-compared': [
    endsNoSession,
    {
      file: 'target/progress/progress.js',
      text: 'and p.lsn = $2 and p.epoch = $4',
      becomes: 'and p.lsn = $2 and $4::bigint is not null',
    },
  ],
  /** Whoever stands by never looks at the signs of life. */
  'takes-from-the-living': [
    {
      file: 'source/ownership/lease-watch.js',
      text: 'return lease.sign !== undefined && stillMs >= frozenAfterMs;',
      becomes: 'return true;',
    },
  ],
  /** One stamp for a batch of several transactions, and nothing that remembers what it hides. */
  'merged-stamps': [
    {
      file: 'setup/schema-functions.js',
      text: 'if place is not null then',
      becomes: 'if false then',
    },
  ],
  'no-tombstones': [
    {
      file: 'target/conflict/guarded-statements.js',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program's text
      text: 'from ${from} group by 2',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: likewise
      becomes: 'from ${from} where false group by 2',
    },
  ],
  /** What a database has deleted itself leaves no tombstone there. */
  'no-own-stream': [
    {
      file: 'target/conflict/own-writer.js',
      text: "if (fold.kind !== 'step' || fold.table.key === undefined) return [];",
      becomes: 'if (fold) return [];',
    },
  ],
  /** A missing row has nothing else to wait for. */
  'no-target-lock': [
    {
      file: 'setup/schema-functions.js',
      text: 'pg_catalog.pg_advisory_xact_lock(',
      becomes: 'pg_catalog.pg_advisory_xact_lock_shared(',
    },
  ],
  /** Only the row that has a value now is asked, not who had it. */
  'values-are-not-claimed': [
    {
      file: 'target/conflict/claim-values.js',
      text: "if (fold.kind !== 'step' || fold.table.key === undefined) return [];",
      becomes: 'if (fold) return [];',
    },
    {
      file: 'target/conflict/look-at-values.js',
      text: 'claim: version && {',
      becomes: 'claim: undefined && {',
    },
  ],
  'conflicts-are-not-logged': [
    {
      file: 'target/conflict/conflict-log.js',
      text: 'if (first === undefined)',
      becomes: 'if (told)',
    },
  ],
  /** The later one wins, without a look at the versions. */
  'last-to-arrive-wins': [
    {
      file: 'target/conflict/guarded-statements.js',
      text: 'const isOlder = `coalesce(',
      becomes: 'const isOlder = `coalesce(true or ',
    },
  ],
} satisfies Record<string, readonly Breakage[]>;

export type BrokenBuild = keyof typeof breakages;

/** Returns the path of its main.js. It is gone when the test process is. */
export function breakBuild(name: BrokenBuild): string {
  const { path } = createTemporaryFolder(`broken-${name}`);
  cpSync(join(root, 'dist'), join(path, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(path, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'));
  for (const { file, text, becomes } of breakages[name]) {
    const broken = join(path, 'dist', file);
    const parts = readFileSync(broken, 'utf8').split(new RegExp(withAnySpace(text)));
    if (parts.length !== 2)
      throw new Error(`${name}: ${parts.length - 1} times in ${file}, not once: ${text}`);
    writeFileSync(broken, parts.join(becomes));
  }
  return join(path, 'dist/main.js');
}

function withAnySpace(text: string): string {
  const words = text.split(/\s+/).map((word) => word.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return words.join('\\s+');
}
