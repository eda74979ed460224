import { ReplicatorError } from '../../model/errors.ts';

/** Failures that say nothing against the changes themselves, only against applying them as sets. */
export function needsCare(error: unknown): error is ReplicatorError {
  return (
    isUniqueViolation(error) || (error instanceof ReplicatorError && error.code === 'ROWS_MISSING')
  );
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof ReplicatorError && error.code === 'UNIQUE_VIOLATION';
}
