// What a setup plan is made of.
import { ReplicatorError } from '../model/errors.ts';
import type { Session } from '../postgres/session.ts';

export interface SetupStep {
  readonly database: string;
  readonly sql: string;
  /** Values that are known only once earlier steps have run; `why` says what they are. */
  readonly values?: () => Promise<readonly string[]>;
  readonly why?: string;
}

/** Open connections to the databases that are to be set up, by name. */
export type SetupSessions = ReadonlyMap<string, Session>;

export function sessionOf(sessions: SetupSessions, name: string): Session {
  const session = sessions.get(name);
  if (session === undefined)
    throw new ReplicatorError('INTERNAL', `no connection to database ${name}`);
  return session;
}
