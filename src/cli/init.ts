// `replicator init [--dry-run]`: makes what the servers need, or prints it as SQL.
import { connectAll } from '../setup/open-sessions.ts';
import { executePlan, hasStep, planSetup } from '../setup/plan.ts';
import { refuseErrors } from '../setup/refuse-errors.ts';
import { whileSetupLocked } from '../setup/setup-lock.ts';
import type { SetupStep } from '../setup/setup-step.ts';
import type { Command } from './command.ts';
import { colour, print, printData, printError } from './output.ts';

export const init: Command = {
  name: 'init',
  describe: 'create publications, slots, origins and schema replicator where they are missing',
  options: { 'dry-run': { type: 'boolean', describe: 'only print the SQL' } },
  async handler({ flags, loadConfig, format }) {
    const config = await loadConfig();
    await using sessions = await connectAll(config, [...config.databases.keys()]);
    const { byName } = sessions;
    const isDryRun = flags['dry-run'] === true;
    const steps: SetupStep[] = [];
    const setUp = async () => {
      if (await hasStep(planSetup(config, byName))) await refuseErrors(config, [...byName.keys()]);
      const plan = planSetup(config, byName);
      if (isDryRun) for await (const step of plan) steps.push(step);
      else
        await executePlan(plan, byName, {
          onStep: (step) => {
            steps.push(step);
            if (format === 'table') printStep(step);
          },
          onWait: printError,
        });
    };
    await whileSetupLocked(byName, setUp, printError);
    if (format !== 'table')
      printData(format, { steps: steps.map(({ database, sql }) => ({ database, sql })) });
    else if (isDryRun) for (const step of steps) printStep(step);
    if (steps.length === 0) printError('nothing to do: everything is set up');
    return 0;
  },
};

function printStep({ database, sql, why }: SetupStep): void {
  print(colour('dim', `-- ${database}${why === undefined ? '' : `; ${why}`}`));
  print(`${sql};\n`);
}
