/** A pause that can be cut short. */
export class Alarm {
  #ring = () => {};

  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#ring = () => {};
  }

  ring(): void {
    this.#ring();
  }
}
