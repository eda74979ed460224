/** SQL of the transaction's id as `xmin` of a row shows it: without the epoch. */
export const ownXid = '(pg_catalog.txid_current() & 4294967295)';
