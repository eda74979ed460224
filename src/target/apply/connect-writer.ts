// What writes on an applier's connection: another database's changes, or what a database's own stream tells.

import { type AskOptions, Contest } from '../conflict/contest.ts';
import type { Guard } from '../conflict/guarded-statements.ts';
import type { Execute } from '../conflict/look-at-row.ts';
import { OwnWriter } from '../conflict/own-writer.ts';
import type { ApplyConnection } from './apply-connection.ts';
import type { FetchRows } from './fetch-rows.ts';
import type { TargetTables } from './target-tables.ts';
import { SourceWriter } from './writer.ts';

export interface ConnectedTo extends AskOptions {
  readonly tables: TargetTables;
  readonly connection: ApplyConnection;
  readonly guard: Guard;
  readonly fetchRows: FetchRows;
}

export function sourceWriter(to: ConnectedTo): SourceWriter {
  const { tables, connection, guard, fetchRows, asks, onAsked } = to;
  const { ledger } = connection;
  const execute: Execute = (statements) => connection.execute(statements);
  const contest = new Contest({
    guard,
    fetchRows,
    asks,
    onAsked,
    execute,
    onDecided: (settled) => ledger.decided(settled),
    onClash: (clash) => ledger.clashed(clash),
  });
  return new SourceWriter({
    tables,
    contest,
    fetchRows,
    execute,
    attempt: (statements) => connection.attempt(statements),
    ledger,
  });
}

/** `name`: of the database whose own stream it is. */
export function ownWriter(name: string, { tables, connection, guard }: ConnectedTo): OwnWriter {
  return new OwnWriter({
    self: { name, rank: guard.rank },
    execute: (statements) => connection.execute(statements),
    onClash: (clash) => connection.ledger.clashed(clash),
    tableOf: (relation) => tables.of(relation),
    findTable: (relation) => tables.find(relation),
  });
}
