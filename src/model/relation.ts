// A table as pgoutput describes it: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html

export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Part of the replica identity; with REPLICA IDENTITY FULL every column is. */
  readonly identity: boolean;
}

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** A table of a source: its oid stays, also when its name does not. */
export interface RelationName extends TableName {
  readonly oid: number;
}

export interface Relation extends RelationName {
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

/** A table's name for people and for use as a key: `public.t`, quoted only where it must be. */
export function tableLabel({ schema, name }: TableName): string {
  return `${labelPart(schema)}.${labelPart(name)}`;
}

function labelPart(identifier: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(identifier)
    ? identifier
    : `"${identifier.replaceAll('"', '""')}"`;
}

/** pgoutput repeats a Relation after every cache invalidation; only a real change matters. */
export function sameRelation(a: Relation, b: Relation): boolean {
  return (
    a.oid === b.oid &&
    a.schema === b.schema &&
    a.name === b.name &&
    a.replicaIdentity === b.replicaIdentity &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, i) => {
      const other = b.columns[i];
      return (
        column.name === other?.name &&
        column.typeOid === other.typeOid &&
        column.typeModifier === other.typeModifier &&
        column.identity === other.identity
      );
    })
  );
}
