import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createTemporaryFolder } from './temporary-folder.ts';

let folder: string | undefined;

/** Writes a configuration as YAML into a folder of its own and returns its path. The file is gone
 * when the test process is. */
export function writeConfig(config: object, name = 'replicator.yaml'): string {
  folder ??= createTemporaryFolder('config').path;
  const path = join(mkdtempSync(join(folder, 'test-')), name);
  // passwords may be in it
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}
