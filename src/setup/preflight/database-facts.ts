// What is known of one database before anything is done there.
import type { DatabaseConfig } from '../../config/config.ts';
import type { ServerFacts } from '../../postgres/server-facts.ts';
import type { ClockOffset } from './read/read-clock.ts';
import type { ConnectionFacts } from './read/read-connection.ts';
import type { OwnSchema, OwnState } from './read/read-own-schema.ts';
import type { PublicationFacts } from './read/read-publications.ts';
import type { OtherRelation } from './read/read-relations.ts';
import type { RoleFacts } from './read/read-role.ts';
import type { ServerState } from './read/read-server.ts';
import type { NativeSubscription } from './read/read-subscriptions.ts';
import type { TableFacts } from './read/read-tables.ts';

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
  /** Labels of those that hold rows, where initial_copy is once. */
  readonly filled: ReadonlySet<string>;
  /** What else a relgroup names. */
  readonly otherRelations: readonly OtherRelation[];
  /** It holds some. */
  readonly largeObjects: boolean;
  /** Labels of every enumerated type, by its name in a cast. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
}
