// `replicator config validate|print|schema`: the file alone, without any database.
import { configJsonSchemaText } from '../config/json-schema.ts';
import { nameLabel } from '../config/label.ts';
import { printConfig } from '../config/print-config.ts';
import { ReplicatorError } from '../model/errors.ts';
import type { Command } from './command.ts';
import { print, printError } from './output.ts';

export const config: Command = {
  name: 'config',
  positionals: ['action'],
  describe:
    'validate: find every problem of the file; print: what it means, without secrets; schema: JSON Schema for editors',
  async handler({ flags, loadConfig }) {
    switch (flags['action']) {
      case 'validate': {
        const loaded = await loadConfig();
        for (const warning of loaded.warnings) printError(warning);
        print(`${loaded.file}: valid, ${loaded.subscriptions.length} subscriptions`);
        return 0;
      }
      case 'print':
        print(printConfig(await loadConfig()).trimEnd());
        return 0;
      case 'schema':
        print(configJsonSchemaText().trimEnd());
        return 0;
      case undefined:
        throw new ReplicatorError('USAGE', 'config: choose validate, print or schema');
      default:
        throw new ReplicatorError(
          'USAGE',
          `config ${nameLabel(String(flags['action'] ?? ''))}: choose validate, print or schema`,
        );
    }
  },
};
