import type { Logger } from 'pino';
import type { Config, SubscriptionConfig } from '../config/config.ts';
import type { TableName } from '../model/relation.ts';

export class ComparisonRunner {
  constructor(_config: Config, _log: Logger) {}
  add(_subscription: SubscriptionConfig, _tables: readonly TableName[]): void {}
  async run(_stop: AbortSignal): Promise<void> {}
}
