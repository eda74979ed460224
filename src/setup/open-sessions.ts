// Connections to several databases at once, for what concerns them together.
import type { Config } from '../config/config.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { Session } from '../postgres/session.ts';
import type { SetupSessions } from './setup-step.ts';

export interface OpenSessions extends AsyncDisposable {
  readonly byName: SetupSessions;
}

/** Connects to the named databases at once. Throws the first's code with a line for each failure. */
export async function connectAll(config: Config, names: readonly string[]): Promise<OpenSessions> {
  const sessions = await connectEach(config, names);
  const failed = [...sessions.failed.values()];
  const [first] = failed;
  if (first === undefined) return sessions;
  await sessions[Symbol.asyncDispose]();
  if (failed.length === 1) throw first;
  const lines = failed.map(({ message, hint }) => `${message}: ${hint}`);
  throw new ReplicatorError(first.code, lines.join('\n'), { cause: first });
}

export interface SomeSessions extends OpenSessions {
  /** Why there is none to these. */
  readonly failed: ReadonlyMap<string, ReplicatorError>;
}

/** The same for what can be done on each without the others. Never throws. */
export async function connectEach(config: Config, names: readonly string[]): Promise<SomeSessions> {
  const byName = new Map<string, Session>();
  const failed = new Map<string, ReplicatorError>();
  const results = await Promise.allSettled(names.map((name) => connect(config, name)));
  for (const [i, name] of names.entries()) {
    const result = results[i];
    if (result?.status === 'fulfilled') byName.set(name, result.value);
    else failed.set(name, asReplicatorError(result?.reason));
  }
  const close = async () => {
    await Promise.all([...byName.values()].map((session) => session.close()));
  };
  return { byName, failed, [Symbol.asyncDispose]: close };
}

async function connect({ databases }: Config, name: string): Promise<Session> {
  const database = databases.get(name);
  if (database === undefined)
    throw new ReplicatorError('INTERNAL', `database ${name} is not configured`);
  // Making a slot waits for every transaction that is running.
  return await Session.connect(database, {
    purpose: 'setup',
    name,
    replyTimeoutMs: 24 * 3_600_000,
    askAfterMs: 30_000,
  });
}
