import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { parseConfig } from '../../src/config/parse-config.ts';

const folder = new URL('../../compose/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

const compose = parseYaml(read('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);
const config = parseConfig(read('replicator.yaml'), {
  file: 'compose/replicator.yaml',
  env: { POSTGRES_PASSWORD: 'secret' },
  isPublic: true,
});

describe.each(services)('service %s', (_name, { build, volumes = [] }) => {
  test('is built from files that are there', () => {
    if (build === undefined) return;
    const context = new URL(`${build.context}/`, folder);
    expect(existsSync(new URL(build.dockerfile, context))).toBe(true);
    expect(existsSync(new URL(`${build.dockerfile}.dockerignore`, context))).toBe(true);
  });

  test.each(volumes)('mounts %s, which is there', (volume) => {
    const [from = ''] = volume.split(':');
    if (from.startsWith('.')) expect(existsSync(new URL(from, folder))).toBe(true);
    else expect(Object.keys(compose.volumes)).toContain(from);
  });
});

test('the image copies files that are there, and that its ignore file lets through', () => {
  const root = new URL('../', folder);
  const allowed = read('Dockerfile.dockerignore').split('\n');
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(
    ([, files = '']) => files.split(' '),
  );
  expect(copied).toContain('src');
  for (const file of copied) {
    expect(existsSync(new URL(file, root)), file).toBe(true);
    expect(allowed).toContain(`!${file}`);
  }
});

test('the configuration is valid, without a warning', () => {
  expect(config.warnings).toEqual([]);
  expect(config.subscriptions.map(({ source, target }) => `${source}:${target}`)).toEqual([
    'master_1:master_2',
    'master_2:master_1',
  ]);
});

test('each database of the configuration is a server of its own, ready for decoding', () => {
  for (const { host, dbname } of config.databases.values()) {
    const service = compose.services[host];
    expect(service?.environment?.['POSTGRES_DB']).toBe(dbname);
    expect(service?.command).toContain('wal_level=logical');
  }
});

test('the replicator is given every variable that its file names', () => {
  const given = Object.keys(compose.services['replicator']?.environment ?? {});
  for (const [, name = ''] of read('replicator.yaml').matchAll(/\$\{(\w+)/g))
    expect(given).toContain(name);
});
