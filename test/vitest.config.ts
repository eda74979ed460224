import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const servers = 'test/support/servers.setup.ts';
const cli = 'test/support/cli.setup.ts';

// several workers would meet on a server that they did not start themselves
const usesRunningServer = Object.keys(process.env).some((name) => /^TEST_PG_\d+$/.test(name));

/** Groups run one after the other, the fast ones first. */
function project(
  name: string,
  groupOrder: number,
  options: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      setupFiles: ['test/support/compare-tuples.setup.ts'],
      sequence: { groupOrder },
      hookTimeout: 30_000,
      ...options,
    },
  };
}

// a test file with servers keeps a core busy; processes of their own, because a file that hangs can
// then be ended
const withServers = { pool: 'forks', maxWorkers: usesRunningServer ? 1 : 2 } as const;

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      project('unit', 0),
      project('property', 1, { ...withServers, globalSetup: [servers], testTimeout: 60_000 }),
      project('integration', 2, { ...withServers, globalSetup: [servers], testTimeout: 30_000 }),
      project('e2e', 3, { ...withServers, globalSetup: [cli, servers], testTimeout: 60_000 }),
    ],
  },
});
