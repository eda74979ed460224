// The values of one row, as PostgreSQL wrote them.

/** The value is a large one that the update did not touch, so the server did not send it (TOAST). */
export const unchanged: unique symbol = Symbol('unchanged');

/** Text exactly as the type's output function wrote it; never converted on the way. */
export type Value = string | null | typeof unchanged;

/** One value per column of its Relation, in its order. */
export type Tuple = readonly Value[];
