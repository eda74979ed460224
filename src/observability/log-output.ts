// Where the log goes. Whatever becomes of it, the daemon goes on and can be stopped: what cannot be
// written waits, up to a bound, and is tried again. Not pino's own destination: at a full disk, or with
// a reader that has stopped, that tries for ever as the process exits, and with one that has gone it
// never speaks again.
import { write, writeSync } from 'node:fs';

/** While so much waits, lines that come are lost. */
const mostBytes = 1024 * 1024;
const againMs = 50;

export class LogOutput {
  readonly #fd: number;
  readonly #onTrouble: (why: string) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #busy = false;
  /** The system has the first that waits. */
  #isOut = false;
  #isTold = false;

  /** `onTrouble`: lines cannot be written; told once, until they can. */
  constructor(fd: number, onTrouble: (why: string) => void) {
    this.#fd = fd;
    this.#onTrouble = onTrouble;
    process.once('exit', () => this.#finish());
  }

  write(line: string): void {
    if (this.#waitingBytes >= mostBytes) return this.#tell('nobody reads them');
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#busy) this.#writeNext();
  }

  // Not at once: a terminal that is held, or a disk that hangs, would hold everything.
  #writeNext(): void {
    const [first] = this.#waiting;
    this.#busy = first !== undefined;
    if (first === undefined) return;
    this.#isOut = true;
    write(this.#fd, first, (error, written) => {
      this.#isOut = false;
      if (error === null) {
        this.#wrote(first, written);
        if (this.#waiting.length === 0) this.#isTold = false;
        this.#writeNext();
      } else {
        // A reader that is slow is no trouble.
        if (error.code !== 'EAGAIN') this.#tell(error.code ?? error.message);
        setTimeout(() => this.#writeNext(), againMs);
      }
    });
  }

  #wrote(first: Buffer, bytes: number): void {
    this.#waitingBytes -= bytes;
    // A line that has begun must end, or the next one cannot be read either.
    if (bytes < first.length) this.#waiting[0] = first.subarray(bytes);
    else this.#waiting.shift();
  }

  #tell(why: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#onTrouble(why);
  }

  /** The process exits: what waits is tried once more. */
  #finish(): void {
    if (this.#isOut) this.#waiting.shift();
    try {
      for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting)
        this.#wrote(first, writeSync(this.#fd, first));
    } catch {
      // It is lost.
    }
  }
}
