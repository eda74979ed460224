// Those to whom a stream hands what it reads: the targets that are attached since it began, and
// those for which it fills a handover.

import type { ReplicatorError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';
import type { TransactionPart } from '../model/transaction.ts';
import type { Handover } from './handover.ts';
import type { Subscriber } from './subscriber.ts';

export class Audience {
  readonly #attachments = new Map<Subscriber, number>();
  #served: readonly Subscriber[] = [];
  readonly #handovers = new Set<Handover>();
  /** They begin with the next transaction. */
  #waiting: Handover[] = [];

  begin(members: readonly Subscriber[]): void {
    this.clear();
    for (const member of members) this.#serve(member);
  }

  clear(): void {
    this.#attachments.clear();
    this.#served = [];
    this.#handovers.clear();
    this.#waiting = [];
  }

  /** Asked for each transaction: made anew only when somebody has left. */
  get served(): readonly Subscriber[] {
    const isServed = (each: Subscriber) => each.attachment === this.#attachments.get(each);
    if (!this.#served.every(isServed)) this.#served = this.#served.filter(isServed);
    return this.#served;
  }

  #serve(subscriber: Subscriber): void {
    const { attachment } = subscriber;
    if (attachment === 0) return;
    this.#attachments.set(subscriber, attachment);
    this.#served = [...this.served.filter((each) => each !== subscriber), subscriber];
  }

  get anyFull(): boolean {
    return this.served.some(({ full }) => full);
  }

  get anyIdle(): boolean {
    return this.served.some(({ idle }) => idle);
  }

  wants(table: RelationName): boolean {
    return this.everybody.some((each) => each.wants(table));
  }

  /** For those that would take a change of the table; the others go on. */
  refuse(table: RelationName, commitLsn: Lsn, error: ReplicatorError): void {
    for (const each of this.everybody) if (each.takes(table, commitLsn)) each.refuse(error);
  }

  receive(part: TransactionPart): void {
    for (const subscriber of this.served) subscriber.receive(part);
    for (const handover of this.#handovers) handover.receive(part);
  }

  passed(lsn: Lsn, urgent: boolean, seenTime?: bigint): void {
    for (const subscriber of this.served) subscriber.passed(lsn, urgent, seenTime);
    for (const handover of this.#handovers) handover.passed(lsn, urgent, seenTime);
  }

  interrupted(): void {
    for (const subscriber of this.served) subscriber.interrupted();
    for (const handover of [...this.#handovers, ...this.#waiting]) handover.fail();
  }

  admit(handover: Handover): void {
    this.#waiting.push(handover);
  }

  /** Between two transactions, at `lsn`: true if somebody has come. */
  letIn(lsn: Lsn): boolean {
    if (this.#waiting.length === 0) return false;
    const come = this.#waiting.splice(0).filter(({ failed }) => !failed);
    for (const handover of come) {
      this.#handovers.add(handover);
      handover.begin(lsn);
    }
    return come.length > 0;
  }

  dismiss(handover: Handover): void {
    this.#waiting = this.#waiting.filter((other) => other !== handover);
    this.#handovers.delete(handover);
  }

  /** What waited is the target's, and what comes is as well. */
  complete(handover: Handover): void {
    this.dismiss(handover);
    handover.complete();
    this.#serve(handover.subscriber);
  }

  get everybody(): readonly Subscriber[] {
    return [...this.served, ...[...this.#handovers].map(({ subscriber }) => subscriber)];
  }
}
