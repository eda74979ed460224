// `replicator config validate|print|schema`: the file alone, without any database.
import { configJsonSchemaText } from '../config/json-schema.ts';
import { nameLabel } from '../config/label.ts';
import { effectiveConfig, printConfig } from '../config/print-config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import type { Command } from './command.ts';
import { print, printData, printError } from './output.ts';

export const config: Command = {
  name: 'config',
  positionals: ['action'],
  describe:
    'validate: find every problem of the file; print: what it means, without secrets; schema: JSON Schema for editors',
  async handler({ flags, loadConfig, format }) {
    switch (flags['action']) {
      case 'validate': {
        const loaded = await loadConfig();
        const { file, warnings } = loaded;
        const subscriptions = loaded.subscriptions.map(subscriptionName);
        if (format !== 'table') printData(format, { file, warnings, subscriptions });
        else {
          for (const warning of warnings) printError(warning);
          print(`${file}: valid, ${subscriptions.length} subscriptions`);
        }
        return 0;
      }
      case 'print': {
        const loaded = await loadConfig();
        const subscriptions = loaded.subscriptions.map(subscriptionName);
        // As YAML it can be loaded again, without a schemaVersion.
        if (format !== 'json') print(printConfig(loaded).trimEnd());
        else printData(format, { file: loaded.file, ...effectiveConfig(loaded), subscriptions });
        return 0;
      }
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
