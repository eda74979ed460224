import yargs from 'yargs';

export interface Options {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly smoke: boolean;
  readonly json: boolean;
  readonly write: boolean;
  readonly list: boolean;
  readonly rounds: number | undefined;
  readonly scale: number | undefined;
}

export async function readOptions(args: readonly string[]): Promise<Options> {
  const parsed = await yargs(args)
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nMeasures replication by the server and by this program in turn.')
    .options({
      only: {
        type: 'string',
        array: true,
        default: [],
        describe: 'names of workloads, with commas; * for any characters',
      },
      quick: { type: 'boolean', default: false, describe: 'small amounts, one round, two minutes' },
      smoke: {
        type: 'boolean',
        default: false,
        describe: 'small amounts; exit code 1 when a ratio is far below ratios.json',
      },
      scale: { type: 'number', describe: 'amounts and durations are multiplied with it (1)' },
      rounds: { type: 'number', describe: 'how often each variant is measured (4)' },
      json: { type: 'boolean', default: false, describe: 'print every figure as JSON' },
      write: {
        type: 'boolean',
        default: false,
        describe:
          'put the results into docs/performance.md, with --smoke into ratios.json; others stay as they are',
      },
      list: { type: 'boolean', default: false, describe: 'print the names of the workloads' },
    })
    .check(({ write, quick, rounds, scale }) => {
      if (write && (quick || scale !== undefined)) throw new Error('--write needs a full run');
      if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
        throw new Error('--rounds is a number from 1 on');
      if (scale !== undefined && !(scale > 0)) throw new Error('--scale is more than 0');
      return true;
    })
    .strict()
    .parseAsync();
  const { only, quick, smoke, json, write, list, rounds, scale } = parsed;
  const names = only.flatMap((some) => some.split(','));
  return { only: names, quick, smoke, json, write, list, rounds, scale };
}
