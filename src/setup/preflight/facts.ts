// What the checks look at: read once from every database, then only compared.
import type { Config } from '../../config/config.ts';
import type { ReplicatorError } from '../../model/errors.ts';
import type { CarriedTables } from './carried-tables.ts';
import type { DatabaseFacts } from './database-facts.ts';

export interface PreflightFacts extends CarriedTables {
  readonly config: Config;
  /** server_version_num of every database that answered, also of those too old to be asked more. */
  readonly versions: ReadonlyMap<string, number>;
  /** Those of which everything is known, in the file's order. */
  readonly databases: ReadonlyMap<string, DatabaseFacts>;
  /** Those that could not be asked, and why. */
  readonly unavailable: ReadonlyMap<string, ReplicatorError>;
}
