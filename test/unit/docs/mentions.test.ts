// Pages go stale where they name things: what they link to and which files they name must exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checks } from '../../../src/setup/preflight.ts';

const root = new URL('../../../', import.meta.url);
const isPage = (name: string) => name.endsWith('.md');
const pages = [
  ...readdirSync(root).filter(isPage),
  ...readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
    .filter(isPage)
    .map((name) => `docs/${name}`),
];

/** Of the tree, written out: no `<name>`, no wildcard. */
const path = /`((?:src|test|docs|config|compose)\/[\w./-]+)`/g;
const link = /\]\(([^)#:]+)(?:#[^)]*)?\)/g;

describe.each(pages)('%s', (page) => {
  const text = readFileSync(new URL(page, root), 'utf8');

  test('links to what is there', () => {
    const links = [...text.matchAll(link)].map(([, to = '']) => to);
    expect(links.filter((to) => !existsSync(new URL(to, new URL(page, root))))).toEqual([]);
  });

  test('names files that are there', () => {
    const paths = [...text.matchAll(path)].map(([, named = '']) => named);
    expect(paths.filter((named) => !existsSync(new URL(named, root)))).toEqual([]);
  });
});

test('the limits name checks that are there', () => {
  const limits = readFileSync(new URL('docs/reference/limits.md', root), 'utf8');
  const named = [...limits.matchAll(/\bcheck ((?:`[a-z-]+`(?:, | and )?)+)/gi)]
    .flatMap(([, list = '']) => list.match(/[a-z-]{2,}/g) ?? [])
    .filter((name) => name !== 'and');
  expect(named).toContain('large-objects');
  const known = checks.map(({ name }) => name);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});
