// `replicator check`: everything that would be refused, lost or dangerous, before it is.
import { ReplicatorError } from '../model/errors.ts';
import { grantStatements } from '../setup/grants.ts';
import { exitCodeOf } from '../setup/preflight/exit-code.ts';
import {
  type Category,
  categories,
  type Finding,
  type Severity,
} from '../setup/preflight/finding.ts';
import { gatherFacts } from '../setup/preflight/gather-facts.ts';
import { findingsOf, preflight } from '../setup/preflight.ts';
import type { Command } from './command.ts';
import { colour, print, printData, printError } from './output.ts';

export const check: Command = {
  name: 'check',
  describe: 'look at every database and find what would be refused or lost; changes nothing',
  options: {
    category: { type: 'string', describe: `only one of ${categories.join(', ')}` },
    'print-grants': { type: 'boolean', describe: 'print the SQL that grants what is missing' },
  },
  async handler({ flags, loadConfig, format }) {
    const category = categoryOf(flags['category']);
    const config = await loadConfig();
    if (flags['print-grants'] === true) {
      const facts = await gatherFacts(config);
      const grants = grantStatements(facts);
      if (format !== 'table') printData(format, { grants });
      else for (const { database, sql } of grants) print(`-- ${database}\n${sql};`);
      const unanswered = findingsOf(facts, { categories: ['connection'] }).filter(isError);
      for (const { message } of unanswered) printError(`replicator: ${message}`);
      if (grants.length === 0 && unanswered.length === 0)
        printError('nothing to grant: no privilege is missing');
      return exitCodeOf(unanswered);
    }
    const findings = await preflight(config, category && { categories: [category] });
    if (format === 'table') show(findings);
    else printData(format, { findings });
    return exitCodeOf(findings);
  },
};

function categoryOf(flag: string | boolean | undefined): Category | undefined {
  if (flag === undefined) return undefined;
  const category = categories.find((each) => each === flag);
  if (category !== undefined) return category;
  throw new ReplicatorError('USAGE', `--category ${flag}: choose ${categories.join(', ')}`);
}

const colours: Readonly<Record<Severity, 'red' | 'yellow' | 'dim'>> = {
  error: 'red',
  warning: 'yellow',
  notice: 'dim',
};

const isError = ({ severity }: Finding) => severity === 'error';

function show(findings: readonly Finding[]): void {
  for (const severity of ['error', 'warning', 'notice'] as const)
    for (const finding of findings.filter((each) => each.severity === severity)) {
      print(`${colour(colours[severity], severity)}  ${finding.message}  (${finding.check})`);
      for (const line of finding.hint.split('\n')) print(`    ${line}`);
    }
  const count = (severity: Severity) => {
    const found = findings.filter((each) => each.severity === severity).length;
    return `${found} ${severity}${found === 1 ? '' : 's'}`;
  };
  print(`${count('error')}, ${count('warning')}, ${count('notice')}`);
}
