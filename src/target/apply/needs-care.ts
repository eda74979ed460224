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

/** `expect_unclaimed` raised it, before anything was written: values belong to other rows, and no row was in the way. */
export function isOfClaims({ sqlstate }: ReplicatorError): boolean {
  return sqlstate === 'RP002';
}
