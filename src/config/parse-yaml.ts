// The user's file as plain data with `${VAR}` replaced, each value with its place in the file.
// Scalars stay text as written (the schema knows what is a number), so that `password: 0123` and
// `dbname: on` mean what they say; only a value that is not there is null.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { type Environment, interpolate } from './interpolate.ts';
import { nameLabel } from './label.ts';
import { type Mistake, syntaxMistake } from './syntax-mistake.ts';

/** A value and where it is; offsets count characters from the beginning of the file. */
export interface Place {
  readonly data: unknown;
  readonly kind: 'mapping' | 'list' | 'text' | 'nothing';
  /** The value's own where it has no key. */
  readonly keyOffset: number;
  readonly valueOffset: number;
  /** How messages may show the value: never anything that came from the environment. */
  readonly shown: string;
  readonly fromEnvironment: boolean;
  /** A mistake about this value has been noted already; its data is null. */
  readonly mistaken: boolean;
  readonly children: ReadonlyMap<string, Place>;
}

export interface YamlDocument {
  /** Undefined when the file is empty or no YAML at all. */
  readonly root: Place | undefined;
  readonly mistakes: readonly Mistake[];
}

interface Reading {
  readonly text: string;
  readonly env: Environment;
  readonly document: Document;
  readonly mistakes: Mistake[];
  /** The collections that are being read, outermost first. */
  readonly open: Set<unknown>;
  places: number;
}

type Offsets = Pick<Place, 'keyOffset' | 'valueOffset'>;

// A large file of ours has a few thousand; aliases of aliases grow without bounds.
const mostPlaces = 100_000;

export function parseYaml(text: string, env: Environment): YamlDocument {
  const document = parseDocument(text, {
    schema: 'failsafe',
    customTags: ['null', 'merge'],
    uniqueKeys: false,
    prettyErrors: false,
  });
  const mistake = syntaxMistake(document, text);
  if (mistake !== undefined) return { root: undefined, mistakes: [mistake] };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return { root: undefined, mistakes: [] };
  }
  const reading = { text, env, document, mistakes: [], open: new Set(), places: 0 };
  return { root: readNode(reading, contents, undefined), mistakes: reading.mistakes };
}

function readNode(reading: Reading, node: unknown, key: unknown): Place {
  const valueOffset = startOf(node) ?? startOf(key) ?? 0;
  const at = { keyOffset: startOf(key) ?? valueOffset, valueOffset };
  reading.places += 1;
  if (reading.places > mostPlaces) return mistaken(reading, at, 'too many aliases of aliases');
  if (isScalar(node)) return readScalar(reading, node, at);
  if (isAlias(node)) {
    const target = node.resolve(reading.document);
    if (target !== undefined && !reading.open.has(target)) return readNode(reading, target, key);
    return mistaken(reading, at, 'begins with *, in YAML an alias: put it in quotes');
  }
  reading.open.add(node);
  const place = isMap(node) ? readMapping(reading, node, at) : readList(reading, node, at);
  reading.open.delete(node);
  return place;
}

function readMapping(reading: Reading, { items }: YAMLMap, at: Offsets): Place {
  const children = new Map<string, Place>();
  const merged: Place[] = [];
  for (const { key, value } of items) {
    const name = isScalar(key) ? (key.source ?? '') : undefined;
    const note = (message: string) =>
      reading.mistakes.push({ offset: startOf(key) ?? at.valueOffset, message });
    if (name === undefined || name === '__proto__') note('a key must be a plain name');
    else if (children.has(name)) note(`duplicate key ${nameLabel(name)}`);
    else if (name !== '<<') children.set(name, readNode(reading, value, key));
    else merged.push(readNode(reading, value, key));
  }
  // `<<: *other` or `<<: [*a, *b]` adds what is not there yet: https://yaml.org/type/merge.html
  for (const source of merged.flatMap(listed)) {
    const { kind, valueOffset: offset } = source;
    if (kind !== 'mapping') reading.mistakes.push({ offset, message: '<< takes a mapping' });
    for (const [name, child] of source.children) {
      if (!children.has(name)) children.set(name, child);
    }
  }
  const data = Object.fromEntries([...children].map(([name, child]) => [name, child.data]));
  return { ...plain, ...at, kind: 'mapping', data, shown: 'a mapping', children };
}

const listed = (place: Place): Place[] =>
  place.kind === 'list' ? [...place.children.values()] : [place];

function readList(reading: Reading, node: unknown, at: Offsets): Place {
  const items = isSeq(node) ? node.items.map((item) => readNode(reading, item, undefined)) : [];
  const children = new Map(items.map((item, index) => [String(index), item]));
  const data = items.map((item) => item.data);
  return { ...plain, ...at, kind: 'list', data, shown: 'a list', children };
}

function readScalar(reading: Reading, node: Scalar, at: Offsets): Place {
  if (node.value === null) return { ...plain, ...at };
  const written = String(node.value);
  const { text, fromEnvironment, problems } = interpolate(written, reading.env);
  const source = reading.text.slice(...(node.range ?? [0, 0]));
  for (const { reference, message } of problems) {
    const offset = at.valueOffset + Math.max(0, source.indexOf(reference));
    reading.mistakes.push({ offset, message });
  }
  if (problems.length > 0) return { ...plain, ...at, mistaken: true };
  if (text.includes('\0')) return mistaken(reading, at, 'must not contain a NUL character');
  const excerpt = written.length > 80 ? `${written.slice(0, 80)}…` : written;
  const shown = `${fromEnvironment ? 'the value of ' : ''}${JSON.stringify(excerpt)}`;
  return { ...plain, ...at, kind: 'text', data: text, shown, fromEnvironment };
}

const plain: Omit<Place, keyof Offsets> = {
  data: null,
  kind: 'nothing',
  shown: 'nothing',
  fromEnvironment: false,
  mistaken: false,
  children: new Map(),
};

function mistaken(reading: Reading, at: Offsets, message: string): Place {
  reading.mistakes.push({ offset: at.valueOffset, message });
  return { ...plain, ...at, mistaken: true };
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
