// `replicator.marker` is the one published table of ours: `wait` writes it to push progress on.
import type { TableName } from '../../model/relation.ts';

export function isMarker(table: TableName): boolean {
  return table.schema === 'replicator' && table.name === 'marker';
}
