// What a figure depends on besides the code.
import { cpus, release, totalmem, type } from 'node:os';
import { queryText } from '../support/text-query.ts';
import { type Stage, settings } from './stage.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  readonly settings: Readonly<Record<string, string>>;
}

export async function describeMachine(stage: Stage): Promise<Machine> {
  const [row] = await queryText(stage.servers.first.url('postgres'), 'show server_version');
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres: row?.['server_version'] ?? 'unknown',
    settings,
  };
}
