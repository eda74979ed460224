// What the file's rules mean for those who write, told once for each sync.
import { expect, test } from 'vitest';
import { conflictRule } from '../../../../src/setup/preflight/checks/conflict-rule.ts';
import { database, factsOf, sync, told } from './facts-fixture.ts';

const members = { a: 'source', b: 'source', c: 'target' } as const;
const all = ['a', 'b', 'c'].map((name) => database(name));
const syncs = (...changes: Parameters<typeof sync>[1][]) =>
  factsOf(all, { syncs: changes.map((each) => sync(members, { truncate: 'refuse', ...each })) });

test('a row is replaced as a whole', () => {
  expect(told(conflictRule.find(syncs({ name: 's1' }, { name: 's2' })))).toEqual(
    ['s1', 's2'].map(
      (name) =>
        `notice: a: sync ${name} keeps the last commit of a row as a whole: of increments (n = n + 1) or changes of other columns made elsewhere meanwhile nothing stays`,
    ),
  );
  const single = factsOf(all, { syncs: [sync({ a: 'source', b: 'target', c: 'target' })] });
  expect(conflictRule.find(single)).toEqual([]);
});

test('pause is latest where nobody could decide', () => {
  expect(told(conflictRule.find(syncs({ conflict: 'pause' })))).toEqual([
    'notice: c: receives only, so conflict: pause of sync s is latest here',
  ]);
});

test.each(['replicate', 'ignore'] as const)('truncate: %s with several sources', (rule) => {
  expect(told(conflictRule.find(syncs({ conflict: 'pause', truncate: rule })).slice(1))).toEqual([
    `notice: a: sync s has several sources and \`truncate: ${rule}\`: a TRUNCATE can leave the databases different`,
  ]);
});
