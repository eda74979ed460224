// `postgres://user:password@host:port/dbname?sslmode=…`, read as libpq reads it:
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
import { didYouMean } from './did-you-mean.ts';

export interface UrlSettings {
  /** Keys as in the user's file, values as text. */
  readonly settings: ReadonlyMap<string, string>;
  /** Phrases that follow the key; they never repeat a piece of the url. */
  readonly problems: readonly string[];
}

const parameters = [
  'host',
  'port',
  'dbname',
  'user',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
];

export function parseConnectionUrl(text: string): UrlSettings {
  const settings = new Map<string, string>();
  if (!/^postgres(ql)?:\/\//.test(text)) {
    return { settings, problems: ['must begin with postgres:// or postgresql://'] };
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { settings, problems: [unreadable] };
  }
  const problems: string[] = [];
  const set = (key: string, value: string) => {
    if (value === '') return;
    if (settings.has(key)) problems.push(`gives ${key} twice`);
    else settings.set(key, value);
  };
  if (url.hash !== '') problems.push('contains a #: write it as %23');
  const parts = [
    ['user', url.username],
    ['password', url.password],
    ['host', url.hostname.replace(/^\[(.*)\]$/, '$1')],
    ['port', url.port],
    ['dbname', url.pathname.slice(1)],
  ] as const;
  for (const [key, encoded] of parts) {
    try {
      set(key, decodeURIComponent(encoded));
    } catch {
      problems.push(`has a % in its ${key} that begins no %XX: write it as %25`);
    }
  }
  for (const [name, value] of url.searchParams) {
    if (parameters.includes(name)) set(name, value);
    else problems.push(parameterProblem(name, url.search));
  }
  return { settings, problems };
}

const unreadable =
  'is not a valid connection string: one host, a port up to 65535, and in user and password %40 for @, %2F for /, %3A for : and %23 for #';

function parameterProblem(name: string, query: string): string {
  const explained = refusedParameters.get(name);
  if (explained !== undefined) return explained;
  // After an unencoded ? the query may be the rest of a password: show nothing of it then.
  if (query.includes('@') || !/^\w+$/.test(name)) return 'has an unknown parameter';
  return `has an unknown parameter "${name}"${didYouMean(name, parameters)}`;
}

const refusedParameters = new Map([
  ['uselibpqcompat', 'has uselibpqcompat: remove it, sslmode means here what it means to psql'],
  ['password', 'has the password as a parameter: write it as the key password'],
  ['connect_timeout', 'has connect_timeout: write it as a key, such as connect_timeout: 10s'],
]);
