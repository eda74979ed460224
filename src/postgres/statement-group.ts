// Several prepared statements sent with a single Sync, as libpq's pipeline mode does. The driver
// puts a Sync behind each query, so after a failure its later ones would still run; here the server
// skips them: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
import type { Socket } from 'node:net';
import { type Parameter, StatementMessages } from './statement-messages.ts';

export interface Statement {
  /** SQL; prepared once per connection under `name` until that is given to another, or each time when there is no name. */
  readonly text: string;
  readonly name?: string;
  readonly values?: readonly Parameter[];
}

export interface GroupResult {
  readonly rows: (string | null)[][];
  /** `INSERT`, `UPDATE`, `COMMIT`, … as in the command tag. */
  command: string;
  /** Rows that the command tag counts; 0 where it has no count. */
  rowCount: number;
}

/** The part of the driver's connection that a group needs. */
export interface WireConnection {
  readonly stream: Socket;
}

/** A query object of the driver (`Submittable`) that the client calls back as replies arrive. */
export class StatementGroup {
  readonly #statements: readonly Statement[];
  /** SQL by name. */
  readonly #prepared: Map<string, string>;
  readonly #resolve: (results: readonly GroupResult[]) => void;
  readonly #reject: (error: unknown) => void;
  readonly #results: GroupResult[] = [];
  #current: GroupResult = emptyResult();
  #written = false;
  /** The names of those that it is the first to prepare. */
  readonly #added = new Set<string>();

  constructor(
    statements: readonly Statement[],
    prepared: Map<string, string>,
    resolve: (results: readonly GroupResult[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Called by the driver when the replies to what was sent before have come. */
  submit(connection: WireConnection): null {
    this.write(connection);
    return null;
  }

  /** May be called before its turn has come: the server reads it when it has done what was sent before. */
  write(connection: WireConnection): void {
    if (this.#written) return;
    this.#written = true;
    const pieces = this.#messages();
    if (pieces.length > 1) connection.stream.cork();
    for (const piece of pieces) connection.stream.write(piece);
    if (pieces.length > 1) connection.stream.uncork();
  }

  #messages(): readonly Buffer[] {
    const messages = new StatementMessages();
    for (const { text, name = '', values = [] } of this.#statements) {
      if (name === '') messages.parse(name, text);
      else if (this.#prepared.get(name) !== text) {
        // It may be there from an attempt that failed, or be another.
        messages.close(name);
        messages.parse(name, text);
        this.#prepared.set(name, text);
        this.#added.add(name);
      }
      messages.bind(name, values);
      messages.execute();
    }
    messages.sync();
    return messages.finish();
  }

  handleRowDescription(): void {}

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#current.rows.push(message.fields);
  }

  handleCommandComplete(message: { text: string }): void {
    const words = message.text.split(' ');
    this.#current.command = words[0] ?? '';
    this.#current.rowCount = Number(words.at(-1)) || 0;
    this.#results.push(this.#current);
    this.#current = emptyResult();
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleCopyInResponse(): void {}

  handleCopyData(): void {}

  /** What was prepared before the one that failed stays so; that one may be out of date, and the rest was skipped. */
  handleError(error: unknown): void {
    const [failed, ...skipped] = this.#statements.slice(this.#results.length);
    this.#prepared.delete(failed?.name ?? '');
    for (const { name = '' } of skipped) if (this.#added.has(name)) this.#prepared.delete(name);
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#results);
  }
}

function emptyResult(): GroupResult {
  return { rows: [], command: '', rowCount: 0 };
}
