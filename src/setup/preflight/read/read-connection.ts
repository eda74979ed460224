// What a pooler or a proxy in between gives away.
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface ConnectionFacts {
  /** The server process as the start of the connection named it. */
  readonly announcedPid: number;
  /** The server processes that answered two queries. */
  readonly answeringPids: readonly [number, number];
  readonly applicationName: string;
  /** Where the server listens; null on a Unix-domain socket. */
  readonly serverPort: number | null;
}

interface Answer {
  readonly pid: number;
  readonly applicationName: string;
  readonly serverPort: number | null;
}

const answerQuery = `
  select json_build_object(
    'pid', pg_backend_pid(),
    'applicationName', current_setting('application_name'),
    'serverPort', inet_server_port())::text as json`;

export async function readConnection(session: Session): Promise<ConnectionFacts> {
  const first = await readJson<Answer>(session, answerQuery);
  const second = await readJson<Answer>(session, answerQuery);
  return {
    announcedPid: session.pid,
    answeringPids: [first.pid, second.pid],
    applicationName: first.applicationName,
    serverPort: first.serverPort,
  };
}
