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
  const byName = new Map<string, Session>();
  const close = async () => {
    await Promise.all([...byName.values()].map((session) => session.close()));
  };
  const results = await Promise.allSettled(
    names.map(async (name) => {
      const database = config.databases.get(name);
      if (database === undefined)
        throw new ReplicatorError('INTERNAL', `database ${name} is not configured`);
      // Making a slot waits for every transaction that is running.
      const session = await Session.connect(database, {
        purpose: 'setup',
        name,
        replyTimeoutMs: 24 * 3_600_000,
        askAfterMs: 30_000,
      });
      byName.set(name, session);
    }),
  );
  const failed = results.flatMap((result) =>
    result.status === 'rejected' ? asReplicatorError(result.reason) : [],
  );
  const [first] = failed;
  if (first === undefined) {
    const inOrder = new Map(names.flatMap((name) => [...byName].filter(([n]) => n === name)));
    return { byName: inOrder, [Symbol.asyncDispose]: close };
  }
  await close();
  if (failed.length === 1) throw first;
  const lines = failed.map(({ message, hint }) => `${message}: ${hint}`);
  throw new ReplicatorError(first.code, lines.join('\n'), { cause: first });
}
