// `npm run torture`: clients write on several PostgreSQL masters while everything that can go wrong
// does, and in the end all of them must have the same. Exit code 0 when they do; with --broken, when
// that was noticed of a build that is broken on purpose.
import { breakBuild } from '../support/broken-build.ts';
import { setup as buildProgram } from '../support/cli.setup.ts';
import { provoked } from './broken.ts';
import { type CommandLine, parseCommandLine, usage } from './options.ts';
import { report } from './report.ts';
import { run } from './run.ts';

const say = (text: string) => process.stdout.write(`${text}\n`);

function readCommandLine(): CommandLine | 'help' | undefined {
  try {
    return parseCommandLine(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`torture: ${error instanceof Error ? error.message : error}\n`);
    return undefined;
  }
}

async function main(): Promise<number> {
  const commandLine = readCommandLine();
  if (commandLine === undefined) return 64;
  if (commandLine === 'help') {
    say(usage);
    return 0;
  }
  await buildProgram();
  const { options, broken } = commandLine;
  if (broken.length === 0) {
    say(`seed ${options.seed}`);
    const result = await run(options, (what) => say(`▸ ${what}`));
    say(report(result));
    return result.findings.length === 0 ? 0 : 1;
  }
  let unnoticed = 0;
  for (const name of broken) {
    const began = performance.now();
    const result = await run({ ...provoked(name, options), program: breakBuild(name) }, () => {});
    const [first] = result.findings;
    if (first === undefined) unnoticed += 1;
    const seconds = Math.round((performance.now() - began) / 1000);
    if (first === undefined) say(report(result));
    say(`${name}, ${seconds} s: ${first ? `${first.check}: ${first.what}` : 'NOT NOTICED'}`);
  }
  return unnoticed === 0 ? 0 : 1;
}

process.exitCode = await main();
