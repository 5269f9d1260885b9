/** So many at once, then one now and then. */
export class TokenBucket {
  readonly #burst: number;
  readonly #refillMs: number;
  #tokens: number;
  /** Monotonic milliseconds up to which tokens were given back. */
  #at: number;

  /** @param refillMs until one token comes back @param now monotonic milliseconds */
  constructor(burst: number, refillMs: number, now: number) {
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#tokens = burst;
    this.#at = now;
  }

  /** @param now monotonic milliseconds @returns whether there was one */
  take(now: number): boolean {
    const back = Math.floor((now - this.#at) / this.#refillMs);
    this.#tokens += back;
    this.#at += back * this.#refillMs;
    if (this.#tokens >= this.#burst) {
      this.#tokens = this.#burst;
      this.#at = now;
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
