// Conflicts by the names that PostgreSQL gives them:
// https://www.postgresql.org/docs/current/logical-replication-conflicts.html

export type ConflictKind = 'insert_exists' | 'update_missing' | 'delete_missing';

export type ConflictCounts = Partial<Record<ConflictKind, number>>;
