// What goes wrong again and again is told once: when it is another trouble than the last time.
import type { ErrorCode, ReplicatorError } from '../model/errors.ts';

export class Trouble {
  #code: ErrorCode | undefined;

  isNew({ code }: ReplicatorError): boolean {
    const isNew = code !== this.#code;
    this.#code = code;
    return isNew;
  }

  /** It is over: the next one is new, whatever it is. */
  end(): void {
    this.#code = undefined;
  }
}
