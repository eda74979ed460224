// Which table goes from where to where, with both of its ends as they are on the servers.
import type { Config, SubscriptionConfig } from '../../config/config.ts';
import { mergeSyncs, type TableOptions } from '../../config/merge-syncs.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { type TableName, tableLabel } from '../../model/relation.ts';
import type { DatabaseFacts } from './database-facts.ts';
import type { TableFacts } from './read/read-tables.ts';

export interface CarriedTable {
  readonly label: string;
  readonly subscription: SubscriptionConfig;
  readonly options: TableOptions;
  readonly source: DatabaseFacts;
  readonly sourceTable: TableFacts;
  /** Undefined when the target could not be asked. */
  readonly target: DatabaseFacts | undefined;
  /** Undefined when the target has no such table, or could not be asked. */
  readonly targetTable: TableFacts | undefined;
  /** The target has every row that was there when it began, and follows since. */
  readonly joined: boolean;
  /** What has its name on the target takes the changes of another table of the source, and has not been renamed yet. */
  readonly taken: boolean;
}

/** Two syncs that want to treat a table differently; the subscription is not looked at further. */
export interface Disagreement {
  readonly subscription: SubscriptionConfig;
  readonly error: ReplicatorError;
}

export interface CarriedTables {
  /** Every table of every subscription whose source is known. */
  readonly carried: readonly CarriedTable[];
  readonly disagreements: readonly Disagreement[];
}

export function carryTables(
  config: Config,
  databases: ReadonlyMap<string, DatabaseFacts>,
): CarriedTables {
  const carried: CarriedTable[] = [];
  const disagreements: Disagreement[] = [];
  for (const subscription of config.subscriptions) {
    const source = databases.get(subscription.source);
    if (source === undefined) continue;
    const target = databases.get(subscription.target);
    const content = target?.state?.content;
    const joined = labelsOf(content?.joined, source.name);
    const taken = labelsOf(content?.taken, source.name);
    try {
      for (const [label, options] of mergeSyncs(subscription, [...source.tables.values()])) {
        const sourceTable = source.tables.get(label);
        const targetTable = target?.tables.get(label);
        if (sourceTable === undefined) continue;
        const ends = { source, sourceTable, target, targetTable };
        carried.push({
          label,
          subscription,
          options,
          ...ends,
          joined: joined.has(label),
          taken: taken.has(label),
        });
      }
    } catch (error) {
      if (!(error instanceof ReplicatorError)) throw error;
      disagreements.push({ subscription, error });
    }
  }
  return { carried, disagreements };
}

function labelsOf(
  tables: readonly (TableName & { readonly source: string })[] | undefined,
  source: string,
): Set<string> {
  return new Set(tables?.filter((table) => table.source === source).map(tableLabel));
}

/** A table that is there on both sides of a subscription. */
export interface TablePair extends CarriedTable {
  readonly target: DatabaseFacts;
  readonly targetTable: TableFacts;
}

export function tablePairs({ carried }: Pick<CarriedTables, 'carried'>): TablePair[] {
  return carried.filter((each): each is TablePair => each.targetTable !== undefined);
}

/** A table at one end of some of the subscriptions, named once. */
export interface TableEnd {
  readonly label: string;
  readonly database: DatabaseFacts;
  readonly table: TableFacts;
  readonly carried: readonly CarriedTable[];
}

export function sourceEnds({ carried }: Pick<CarriedTables, 'carried'>): TableEnd[] {
  return ends(carried, ({ source, sourceTable }) => [source, sourceTable]);
}

export function targetEnds(facts: Pick<CarriedTables, 'carried'>): TableEnd[] {
  return ends(tablePairs(facts), ({ target, targetTable }) => [target, targetTable]);
}

function ends<T extends CarriedTable>(
  carried: readonly T[],
  endOf: (each: T) => [DatabaseFacts, TableFacts],
): TableEnd[] {
  const found = new Map<string, TableEnd & { carried: CarriedTable[] }>();
  for (const each of carried) {
    const [database, table] = endOf(each);
    const key = `${database.name}:${each.label}`;
    const end = found.get(key) ?? { label: each.label, database, table, carried: [] };
    end.carried.push(each);
    found.set(key, end);
  }
  return [...found.values()];
}
