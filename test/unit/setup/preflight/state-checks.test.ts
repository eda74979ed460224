import { describe, expect, test } from 'vitest';
import { installation } from '../../../../src/setup/preflight/checks/installation.ts';
import { slot } from '../../../../src/setup/preflight/checks/slot.ts';
import type { OwnContent } from '../../../../src/setup/preflight/read/read-own-schema.ts';
import type { SlotFacts } from '../../../../src/setup/preflight/read/read-server.ts';
import { database, oneWay, told } from './facts-fixture.ts';

const schema = {
  usage: true,
  create: true,
  installed: true,
  hasRelations: true,
  deniedTables: [],
  deniedFunctions: [],
  originWrappers: false,
};
const noContent: OwnContent = {
  slots: {},
  origins: {},
  joined: [],
  lost: [],
  taken: [],
  differences: [],
};

function setUp(name: string, content: Partial<OwnContent>, found?: Partial<SlotFacts>) {
  const facts = database(name, { schema, publications: { own: undefined, ofAllTables: [] } });
  const ours: SlotFacts = {
    plugin: 'pgoutput',
    database: facts.config.dbname,
    temporary: false,
    twoPhase: false,
    failover: true,
    walStatus: 'reserved',
    ...found,
  };
  return {
    ...facts,
    server: { ...facts.server, slot: found && ours },
    state: {
      version: 1,
      database: name,
      systemIdentifier: facts.identity.systemIdentifier,
      databaseOid: facts.identity.databaseOid,
      content: { ...noContent, ...content },
    },
  };
}

describe('slot', () => {
  const recorded = { slots: { replicator_a: { state: 'created', publicationOid: null } } };
  const find = (content: Partial<OwnContent>, found?: Partial<SlotFacts>) =>
    slot.find(oneWay(setUp('a', content, found), database('b')));

  test.each<[string, Partial<OwnContent>, Partial<SlotFacts> | undefined]>([
    ['', {}, undefined],
    ['', recorded, {}],
    ['SLOT_MISSING', recorded, undefined],
    ['SLOT_LOST', recorded, { walStatus: 'lost' }],
    ['SLOT_LOST', recorded, { walStatus: 'unreserved' }],
    ['IDENTITY', {}, {}],
    ['IDENTITY', recorded, { plugin: 'test_decoding' }],
    ['IDENTITY', recorded, { database: 'other' }],
    ['IDENTITY', recorded, { temporary: true }],
    ['IDENTITY', recorded, { twoPhase: true }],
    ['', { slots: { replicator_a: { state: 'creating', publicationOid: null } } }, undefined],
    [
      'PUBLICATION_CHANGED',
      { slots: { replicator_a: { state: 'created', publicationOid: '5' } } },
      {},
    ],
  ])('%s', (code, content, found) => {
    expect(
      find(content, found)
        .map((each) => each.code)
        .join(),
    ).toBe(code);
  });

  test('that is about to be lost is still only a warning', () => {
    expect(told(find(recorded, { walStatus: 'unreserved' }))).toEqual([
      'warning: a: slot replicator_a is about to lose WAL that it needs (max_slot_wal_keep_size)',
    ]);
  });

  test('of somebody else is not ours because it has our name', () => {
    const a = database('a', {});
    const facts = { ...a, server: { ...a.server, slot: setUp('a', {}, {}).server.slot } };
    expect(slot.find(oneWay(facts, database('b'))).map(({ code }) => code)).toEqual(['IDENTITY']);
  });
});

describe('installation', () => {
  const find = (facts: ReturnType<typeof database>) =>
    told(installation.find(oneWay(facts, setUp('b', {}))));

  test('not made yet', () => {
    expect(find(database('a'))).toEqual(['notice: a: not set up yet']);
    const prepared = { ...schema, installed: false, hasRelations: false };
    expect(find(database('a', { schema: prepared }))).toEqual(['notice: a: not set up yet']);
  });

  test('made under another name', () => {
    const renamed = (content: Partial<OwnContent>) => {
      const facts = setUp('a', content);
      return { ...facts, state: { ...facts.state, database: 'old' } };
    };
    expect(find(renamed({}))).toEqual([]);
    const slots = { replicator_old: { state: 'created', publicationOid: null } };
    expect(find(renamed({ slots }))).toEqual([
      'error: a: it was set up as old, and is a source under that name',
    ]);
    const exchanged = setUp('a', {});
    expect(find({ ...exchanged, state: { ...exchanged.state, database: 'b' } })).toEqual([
      'error: a: it was set up as b, and b is the name of another one',
    ]);
  });

  test('that may not be read is a missing privilege, which is told elsewhere', () => {
    expect(find({ ...database('a', { schema }), state: undefined })).toEqual([]);
  });
});
