// What the checks look at: read once from every database, then only compared.
import type { Config, DatabaseConfig } from '../../config/config.ts';
import type { ReplicatorError } from '../../model/errors.ts';
import type { ServerFacts } from '../../postgres/server-facts.ts';
import type { CarriedTable, Disagreement } from './carried-tables.ts';
import type { ClockOffset } from './read/read-clock.ts';
import type { ConnectionFacts } from './read/read-connection.ts';
import type { OwnSchema, OwnState } from './read/read-own-schema.ts';
import type { PublicationFacts } from './read/read-publications.ts';
import type { OtherRelation } from './read/read-relations.ts';
import type { RoleFacts } from './read/read-role.ts';
import type { ServerState } from './read/read-server.ts';
import type { NativeSubscription } from './read/read-subscriptions.ts';
import type { TableFacts } from './read/read-tables.ts';

export interface PreflightFacts {
  readonly config: Config;
  /** server_version_num of every database that answered, also of those too old to be asked more. */
  readonly versions: ReadonlyMap<string, number>;
  /** Those of which everything is known, in the file's order. */
  readonly databases: ReadonlyMap<string, DatabaseFacts>;
  /** Those that could not be asked, and why. */
  readonly unavailable: ReadonlyMap<string, ReplicatorError>;
  /** Every table of every subscription whose source is known. */
  readonly carried: readonly CarriedTable[];
  readonly disagreements: readonly Disagreement[];
}

export interface DatabaseFacts {
  readonly name: string;
  readonly config: DatabaseConfig;
  readonly identity: ServerFacts;
  readonly connection: ConnectionFacts;
  readonly clock: ClockOffset;
  readonly server: ServerState;
  readonly role: RoleFacts;
  /** Schema `replicator`; undefined when there is none. */
  readonly schema: OwnSchema | undefined;
  /** What is in it; undefined when it may not be read, or is not what this program makes. */
  readonly state: OwnState | undefined;
  readonly publications: PublicationFacts;
  readonly subscriptions: readonly NativeSubscription[];
  /** Of the tables that a relgroup names and that can be published, by their label. */
  readonly tables: ReadonlyMap<string, TableFacts>;
  /** What else a relgroup names. */
  readonly otherRelations: readonly OtherRelation[];
  /** It holds some. */
  readonly largeObjects: boolean;
  /** Labels of every enumerated type, by its name in a cast. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
}
