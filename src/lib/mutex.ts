/** Lets one piece of async work run at a time, in the order of arrival. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  async run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work, work);
    // The queue must go on after a failed turn; the failure itself reaches the caller through `turn`.
    this.#tail = turn.catch(() => undefined);
    return await turn;
  }
}
