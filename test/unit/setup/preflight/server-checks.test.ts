import { describe, expect, test } from 'vitest';
import { capacity } from '../../../../src/setup/preflight/checks/capacity.ts';
import { clockSkew } from '../../../../src/setup/preflight/checks/clock-skew.ts';
import { failover } from '../../../../src/setup/preflight/checks/failover.ts';
import { slotSettings } from '../../../../src/setup/preflight/checks/slot-settings.ts';
import { standbyNames } from '../../../../src/setup/preflight/checks/synchronous-standby.ts';
import { version } from '../../../../src/setup/preflight/checks/version.ts';
import { walLevel } from '../../../../src/setup/preflight/checks/wal-level.ts';
import { writable } from '../../../../src/setup/preflight/checks/writable.ts';
import type { OwnContent } from '../../../../src/setup/preflight/read/read-own-schema.ts';
import type { ServerState } from '../../../../src/setup/preflight/read/read-server.ts';
import { bothWays, database, factsOf, oneWay, sync, table, tables, told } from './facts-fixture.ts';

describe('version', () => {
  test.each([
    [120_022, 'error'],
    [130_000, undefined],
    [140_018, 'warning'],
    [140_019, undefined],
    [150_013, 'warning'],
    [150_014, undefined],
    [160_009, 'warning'],
    [160_010, undefined],
    [170_005, 'warning'],
    [170_006, undefined],
    [180_000, undefined],
    [190_000, 'warning'],
  ])('%i', (number, severity) => {
    const syncs = [sync({ a: 'source', b: 'target' })];
    const [found] = version.find(factsOf([], { syncs, versions: new Map([['a', number]]) }));
    expect(found?.severity).toBe(severity);
    const major = Math.floor(number / 10_000);
    if (found) expect(found.message).toMatch(`a: PostgreSQL ${major}`);
  });
});

test('wal-level is what is in effect, and from 19 on raises itself', () => {
  const find = (walLevelNow: string, major: number) => {
    const a = database('a', { server: { walLevel: walLevelNow }, identity: { major } });
    return walLevel.find(oneWay(a, database('b', { server: { walLevel: 'minimal' } }))).length;
  };
  expect([find('logical', 13), find('replica', 18), find('replica', 19)]).toEqual([0, 1, 0]);
  expect(find('minimal', 19)).toBe(1);
});

test('writable', () => {
  const a = database('a', { server: { readOnly: true } });
  const b = database('b', { server: { readOnly: true }, identity: { inRecovery: true } });
  expect(told(writable.find(oneWay(a, b)))).toEqual([
    'error: a: is read-only and cannot be written to',
    'error: b: is a standby and cannot be written to',
  ]);
});

test('slot-settings are those of sources', () => {
  const server = {
    idleReplicationSlotTimeout: '1d',
    maxSlotWalKeepSize: '-1',
    walSenderTimeout: '0',
  };
  const found = slotSettings.find(oneWay(database('a', { server }), database('b', { server })));
  expect(found.map(({ severity, database: name }) => `${severity} ${name}`)).toEqual([
    'warning a',
    'notice a',
    'notice a',
  ]);
  const before18 = database('a', { server: { idleReplicationSlotTimeout: null } });
  expect(slotSettings.find(oneWay(before18, database('b')))).toEqual([]);
});

describe('synchronous_standby_names', () => {
  test.each([
    ['', []],
    ['*', ['*']],
    ['s1, "S 2"', ['s1', 'S 2']],
    ['2 (s1, s2)', ['s1', 's2']],
    ['FIRST 1 (s1, *)', ['s1', '*']],
    ['any 2("a""b",c)', ['a"b', 'c']],
    ['first', ['first']],
    ['"replicator/a/walsender"', ['replicator/a/walsender']],
    ['"(", s', ['(', 's']],
  ])('%s', (setting, names) => {
    expect(standbyNames(setting)).toEqual(names);
  });
});

describe('failover', () => {
  const slot = {
    plugin: 'pgoutput',
    database: 'db a',
    temporary: false,
    twoPhase: false,
    failover: true,
    walStatus: 'reserved',
  };
  const ofSource = (server: Partial<ServerState>, major = 18) =>
    told(failover.find(oneWay(database('a', { server, identity: { major } }), database('b')))).map(
      (line) => line.slice(0, 40),
    );

  test('is nothing without standbys', () => {
    expect(ofSource({})).toEqual([]);
    expect(ofSource({ slot: { ...slot, failover: false } })).toEqual([]);
  });

  test('is nothing where the stream waits for every standby', () => {
    const physicalSlots = ['s1', 's2'];
    const waited = { physicalSlots, slot, synchronizedStandbySlots: 's2, s1' };
    expect(ofSource(waited)).toEqual([]);
    expect(ofSource({ ...waited, slot: undefined })).toEqual([]);
    expect(ofSource({ ...waited, synchronizedStandbySlots: 's1' })).toEqual([
      'warning: a: targets may get what its sta',
    ]);
  });

  test('is told of standbys without a slot of their own', () => {
    expect(ofSource({ standbys: 1, slot })).toEqual(['warning: a: targets may get what its sta']);
  });

  test('is told of a slot that stays behind', () => {
    const server = { physicalSlots: ['s1'], slot: { ...slot, failover: false } };
    expect(ofSource(server)).toEqual(['warning: a: has standbys, and slot repli']);
    expect(ofSource(server, 16)).toEqual(['notice: a: has standbys, and before Post']);
  });

  test('is told of a target whose standbys are behind', () => {
    const find = (synchronousStandbyNames: string) =>
      failover.find(
        oneWay(database('a'), database('b', { server: { standbys: 1, synchronousStandbyNames } })),
      );
    expect(find('').map(({ severity }) => severity)).toEqual(['notice']);
    expect(find('s1')).toEqual([]);
  });

  test('is told of a standby that is named and not connected', () => {
    const b = database('b');
    const find = (server: Partial<ServerState>) =>
      told(
        failover.find(
          oneWay(
            database('a'),
            database('b', { config: { ...b.config, standbySlots: ['s1', 's2'] }, server }),
          ),
        ),
      ).map((line) => line.slice(0, 40));
    const physicalSlots = ['s1', 's2'];
    expect(find({ physicalSlots, connectedStandbySlots: physicalSlots })).toEqual([]);
    expect(find({ physicalSlots: ['s2'], standbys: 1 })).toEqual([
      'warning: b: standby_slots names s1, whic',
      'warning: b: no standby is connected to s',
    ]);
  });
});

describe('clock-skew', () => {
  const clocks = (...offsets: [offsetMs: number, uncertaintyMs: number][]) => {
    const databases = offsets.map(([offsetMs, uncertaintyMs], i) =>
      database(`d${i}`, { clock: { offsetMs, uncertaintyMs } }),
    );
    const members = Object.fromEntries(databases.map(({ name }) => [name, 'source' as const]));
    return told(clockSkew.find(factsOf(databases, { syncs: [sync(members), sync(members)] })));
  };

  test('is nothing within the limit, or within what cannot be told', () => {
    expect(clocks([250, 1], [-250, 1])).toEqual([]);
    expect(clocks([1400, 1000], [0, 1])).toEqual([]);
    expect(clocks([900, 400], [-400, 401])).toEqual([]);
  });

  test('is told once for a sync, between the two furthest apart', () => {
    expect(clocks([400, 1], [0, 1], [-300, 1])).toEqual([
      "warning: d0: its clock is 698 ms ahead of d2's (max_clock_skew is 500 ms)",
    ]);
  });

  test('is told of this host', () => {
    expect(clocks([-3_600_000, 0], [-3_600_000, 0])).toEqual([
      "warning: d0: its clock is 3600.0 s behind this host's (max_clock_skew is 500 ms)",
      "warning: d1: its clock is 3600.0 s behind this host's (max_clock_skew is 500 ms)",
    ]);
  });
});

describe('capacity', () => {
  const full: Partial<ServerState> = { maxReplicationSlots: 5, slotsInUse: 5 };
  const slot = {
    plugin: 'pgoutput',
    database: 'db a',
    temporary: false,
    twoPhase: false,
    failover: false,
    walStatus: 'reserved',
  };
  const find = (...args: Parameters<typeof bothWays>) => told(capacity.find(bothWays(...args)));

  test('counts what is missing', () => {
    expect(find(database('a', { server: full }), database('b'))).toEqual([
      'error: a: 1 more replication slots needed, 0 free (max_replication_slots = 5, 5 in use)',
    ]);
  });

  test('does not count what exists for us', () => {
    const ours = {
      ...full,
      slot,
      maxWalSenders: 1,
      walSendersInUse: 1,
      ourWalSenders: 1,
      maxOrigins: 2,
      origins: ['replicator_b__a', 'replicator_a__a'],
    };
    expect(find(database('a', { server: ours }), database('b'))).toEqual([]);
  });

  test('adds up the databases of one server', () => {
    const identity = { systemIdentifier: 'one', major: 15 };
    const server = { maxReplicationSlots: 1, maxWalSenders: 1, maxOrigins: 1 };
    expect(find(database('a', { identity, server }), database('b', { identity, server }))).toEqual([
      'error: a and b: 2 more replication slots needed, 1 free (max_replication_slots = 1, 0 in use)',
      'error: a and b: 2 more walsenders needed, 1 free (max_wal_senders = 1, 0 in use)',
      // for each the other's stream, and its own
      'error: a and b: 4 more replication origins needed, 1 free (max_replication_slots = 1, 0 in use)',
    ]);
  });

  test('counts one more for a copy that is still to be made', () => {
    const server = { ...full, slot };
    const found = (joined: OwnContent['joined']) => {
      const content = { slots: {}, origins: {}, joined, lost: [], taken: [], differences: [] };
      const state = { version: 1, database: 'b', systemIdentifier: '', databaseOid: '', content };
      const a = database('a', { server, tables: tables(table('t')) });
      const syncs = [sync({ a: 'source', b: 'target' }, { initialCopy: 'once' })];
      return capacity.find(factsOf([a, { ...database('b'), state }], { syncs })).length;
    };
    expect(found([])).toBe(1);
    expect(found([{ source: 'a', schema: 'public', name: 't', copied: true }])).toBe(0);
  });
});
