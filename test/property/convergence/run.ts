// Carries out a history, then lets everything arrive, and looks at how the databases end.
import { isOlder, type Version } from '../../../src/model/version.ts';
import { applyCarefully, awaitsSource, type Batch } from './apply.ts';
import { applyFast } from './apply-fast.ts';
import { commit } from './commit.ts';
import { type Change, Database, longAgo } from './database.ts';
import { type History, longestToStream, type Step } from './history.ts';
import { readOwn } from './own-stream.ts';
import type { Rules } from './rules.ts';

export interface Run {
  readonly databases: readonly Database[];
  /** Per database: its rows, each with who wrote it. */
  readonly ends: readonly string[];
  readonly converged: boolean;
  /** A row whose version is neither exact nor rounded up to a stamp whose manifest is forgotten. */
  readonly bentVersion: string | undefined;
  /** What the fast path and the careful one made of the same batch, where it was not the same. */
  readonly differs: string | undefined;
  /** A user's change bears an earlier time than what it replaced: the clock went back. */
  readonly olderCommit: 'own' | 'another' | undefined;
  readonly script: string;
}

export interface RunOptions {
  /** `compare`: the fast one, and each batch must end as on the careful one. */
  readonly path?: 'fast' | 'careful' | 'compare';
  /** How much further than a commit time the target's clock must be before the change is seen there. */
  readonly commitWait?: number;
  /** Of the horizon: longer than a commit is on its way to the stream, and than a clock is put back. */
  readonly margin?: number;
  readonly tell?: boolean;
}

export function run(history: History, rules: Rules, options: RunOptions = {}): Run {
  return new Running(history, rules, options).run();
}

class Running {
  readonly #history: History;
  readonly #rules: Rules;
  readonly #options: RunOptions;
  readonly #databases: readonly Database[];
  readonly #lines: string[] = [];
  #now = 0;
  #differs: string | undefined;
  #olderCommit: 'own' | 'another' | undefined;
  readonly #putBack = new Set<Database>();

  constructor(history: History, rules: Rules, options: RunOptions) {
    this.#history = history;
    this.#rules = rules;
    this.#options = options;
    const { skews } = history;
    this.#databases = skews.map((skew, rank) => new Database(rank, skew, skews.length));
  }

  run(): Run {
    for (const { name, rank, skew } of this.#databases)
      this.#tell(`${name}: rank ${rank}, clock ${skew < 0 ? '' : '+'}${skew}`);
    for (const step of this.#history.steps) {
      this.#pass(step.wait);
      this.#carryOut(step);
    }
    this.#tell('then everything arrives:');
    this.#drain();
    const ends = this.#databases.map(endOf);
    this.#databases.forEach(({ name }, i) => {
      this.#tell(`${name} ends with ${ends[i] || 'no row'}`);
    });
    return {
      databases: this.#databases,
      ends,
      converged: ends.every((end) => end === ends[0]),
      bentVersion: this.#databases.map(bentVersion).find((bent) => bent !== undefined),
      differs: this.#differs,
      olderCommit: this.#olderCommit,
      script: this.#lines.join('\n'),
    };
  }

  #tell(line: string): void {
    if (this.#options.tell) this.#lines.push(line);
  }

  #told(at: Database, line: string): void {
    if (this.#options.tell)
      this.#lines.push(
        `  ${String(this.#now).padStart(3)}  ${at.name}@${at.clock(this.#now)}  ${line}`,
      );
  }

  #pass(time: number): void {
    this.#now += time;
    for (const database of this.#databases) database.settle(this.#now);
  }

  #at(rank: number): Database {
    const database = this.#databases[rank];
    if (database === undefined) throw new Error(`no database ${rank}`);
    return database;
  }

  #carryOut(step: Step): void {
    const at = this.#at(step.at);
    switch (step.kind) {
      case 'commit': {
        const committed = commit(at, step, this.#now, this.#history);
        if (committed === undefined) return;
        const { changes, olderThan } = committed;
        if (this.#olderCommit !== 'own') this.#olderCommit = olderThan ?? this.#olderCommit;
        if (!this.#options.tell) return;
        const later = [
          step.toStream > 0 ? `, in the stream ${step.toStream} later` : '',
          step.toVisible > 0 ? `, visible ${step.toStream + step.toVisible} later` : '',
        ];
        return this.#told(at, `commits ${changes.map(describe).join('; ')}${later.join('')}`);
      }
      case 'apply':
        return this.#apply(this.#at(step.source), at, step.count, step.crash);
      case 'read own':
        return this.#readOwn(at, step.count);
      case 'forget':
        return this.#forget(at);
      case 'crash':
        this.#told(at, 'goes down, and comes back');
        return at.crash();
      case 'clock back':
        // Once each, so that it is no more than the commit-wait and the margin of the horizon.
        if (this.#putBack.has(at)) return;
        this.#putBack.add(at);
        at.skew -= step.by;
        return this.#told(at, `clock is put back by ${step.by}`);
    }
  }

  #apply(source: Database, target: Database, count: number, crash: boolean): void {
    const from = target.progressOf(source);
    const transactions = source.stream.slice(from, from + count);
    if (transactions.length === 0) return;
    const stamp = transactions.reduce((most, { time }) => (time > most ? time : most), longAgo);
    const rules = this.#rules;
    const told: string[] = [];
    target.xid += 1;
    const batch: Batch = { source, target, transactions, stamp, xid: target.xid, rules, told };
    const early = target.clock(this.#now) <= stamp + BigInt(this.#options.commitWait ?? 0);
    if ((early && rules.without !== 'commit-wait') || awaitsSource(batch)) return;
    const { path } = this.#options;
    const carefully = path === 'compare' ? this.#tryCarefully(batch) : undefined;
    target.transaction(() => {
      if (path === 'careful') applyCarefully(batch);
      else applyFast(batch);
      if (carefully !== undefined && stateOf(target) !== carefully)
        this.#differs ??= `${stateOf(target)}\nbut carefully\n${carefully}`;
      target.advance(source, transactions);
      const names = transactions.map(({ name }) => name).join(' ');
      this.#told(
        target,
        `applies ${names}${crash ? ', and goes down before COMMIT' : ''}: ${told.join(', ')}`,
      );
      return crash ? 'rollback' : 'commit';
    });
    if (crash) target.crash();
  }

  /** What the careful path makes of it; undefined when it has to wait for somebody. */
  #tryCarefully(batch: Batch): string | undefined {
    let state: string | undefined;
    batch.target.transaction(() => {
      applyCarefully({ ...batch, told: [] });
      state = stateOf(batch.target);
      return 'rollback';
    });
    return state;
  }

  #readOwn(database: Database, count: number): void {
    const told: string[] = [];
    readOwn(database, count, this.#rules, told);
    if (told.length > 0) this.#told(database, `reads its own ${told.join(' ')}`);
  }

  /** What no change that still comes can be older than. */
  #horizonOf(target: Database): bigint {
    const { without } = this.#rules;
    const reached = this.#databases
      .filter((source) => source !== target || without !== 'own stream in the horizon')
      .map((source) =>
        target.progressOf(source) === source.stream.length
          ? source.clock(this.#now)
          : (target.state.seen[source.rank] ?? longAgo),
      );
    const least = reached.reduce((a, b) => (a < b ? a : b));
    if (without === 'margin of the horizon') return least;
    const most = reached.reduce((a, b) => (a > b ? a : b));
    if (without === 'horizon') return most;
    return least - BigInt(this.#options.margin ?? longestToStream);
  }

  #forget(target: Database): void {
    const horizon = this.#horizonOf(target);
    const { tombstones, claims, manifests } = target.state;
    for (const [key, { time }] of tombstones) if (time < horizon) tombstones.delete(key);
    for (const [name, { version }] of claims) if (version.time < horizon) claims.delete(name);
    for (const [xid, { stamp, times }] of manifests) {
      if (this.#rules.without === 'horizon by stamp')
        for (const [key, time] of times) if (time < horizon) times.delete(key);
      if (stamp < horizon) manifests.delete(xid);
    }
    this.#told(target, `forgets what is older than ${horizon}`);
  }

  #drain(): void {
    const random = generator(this.#history.drain);
    for (let round = 0; round < 200; round += 1) {
      this.#pass(1);
      let behind = false;
      for (const target of this.#databases)
        for (const source of this.#databases) {
          behind ||= target.progressOf(source) < source.stream.length || source.inFlight.length > 0;
          const choice = random();
          if (choice % 3 === 0 && round < 100) continue;
          const count = 1 + (choice % 5);
          if (source === target) this.#readOwn(target, count);
          else this.#apply(source, target, count, false);
        }
      if (!behind) return;
    }
    throw new Error('something never arrived');
  }
}

function endOf(database: Database): string {
  return [...database.state.rows]
    .map(([key, { values, source = database }]) => {
      const { a, b, unique } = values;
      const written = [a, b, ...unique.map((value) => value ?? 'null')].join(' ');
      return `${key} (${written}) by ${source.name}`;
    })
    .sort()
    .join(', ');
}

/**
 * All that a later decision can depend on. Not so a tombstone that is older than the row, as a delete
 * of the row leaves a greater one, or older than a TRUNCATE.
 */
function stateOf(database: Database): string {
  const { rows, tombstones, claims, truncated } = database.state;
  const shown = ({ time, rank }: Version) => `${time}/${rank}`;
  return [
    ...[...rows].map(([key, row]) => {
      const { a, b, unique } = row.values;
      return `${key}: ${a} ${b} ${unique} ${shown(database.versionOf(key, row))}`;
    }),
    ...[...tombstones]
      .filter(([key, version]) => {
        const row = rows.get(key);
        const older = row === undefined ? truncated : database.versionOf(key, row);
        return older === undefined || isOlder(older, version);
      })
      .map(([key, version]) => `${key} gone ${shown(version)}`),
    ...[...claims].map(([name, { key, version }]) => `${name} ${key} ${shown(version)}`),
  ]
    .sort()
    .join('\n');
}

function bentVersion(database: Database): string | undefined {
  for (const [key, row] of database.state.rows) {
    const { time } = database.versionOf(key, row);
    const manifest = database.state.manifests.has(row.xid);
    const right = manifest ? time === row.exact : time === row.stamp && time >= row.exact;
    if (!right) return `${database.name} ${key}: ${time} for ${row.exact}`;
  }
  return undefined;
}

function describe(change: Change): string {
  if (change.kind === 'truncate') return 'truncate';
  if (change.kind === 'delete') return `delete ${change.key}`;
  const { a, b, unique } = change.row;
  const values = [a ?? 'unchanged', b, ...unique.map((value) => value ?? 'null')].join(' ');
  return `${change.kind} ${change.key} (${values})`;
}

/** Numbers from a seed: which of two deliveries comes first is part of the history. */
function generator(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state >>> 8;
  };
}
