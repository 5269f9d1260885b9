/** What the brick says of its own work when a scrape asks: its profile and its clients, over the management socket. */
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Recent } from '../lib/recent.ts';
import { ClientTraffic, type ClientFigures } from '../metrics/client-traffic.ts';
import type { BrickLoad } from '../metrics/collectors/brick-load.ts';
import { FopCounters } from '../metrics/fop-counters.ts';
import type { ScrapeSource } from '../metrics/registry.ts';
import type { ManagementClient } from '../rpc/management-client.ts';

/** Two Prometheus scrape each for itself: the second is told what the first was, when it comes within this. In milliseconds. */
const REUSE_MS = 1_000;
/** Both answers come from memory in about a millisecond; a scrape waits this long for them, once. In milliseconds. */
const WAIT_MS = 100;
/** Longer than the time-out of a call, which gives a connection up that does not answer. In milliseconds. */
const DEADLINE_MS = 6_000;
/** Older answers say nothing of the moment that Prometheus writes behind them. In milliseconds. */
const STALE_MS = 3_000;

export interface BrickFiguresOptions {
  brick: Pick<ManagementClient, 'xlatorInfo' | 'clients'>;
  brickName: string;
  /** How many STATFS the brick has answered to this agent. */
  statfsAnswers: () => number;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

export class BrickFigures implements ScrapeSource {
  readonly #profile: Recent<NonNullable<BrickLoad['profile']>>;
  readonly #clients: Recent<ClientFigures>;
  readonly #failing = new Map<string, string>();
  readonly #log: Log;

  constructor(options: BrickFiguresOptions) {
    const { brick, brickName, statfsAnswers, clock, log, signal } = options;
    this.#log = log;
    const counters = new FopCounters();
    const traffic = new ClientTraffic();
    const times = { reuseMs: REUSE_MS, waitMs: WAIT_MS, deadlineMs: DEADLINE_MS, staleMs: STALE_MS };
    this.#profile = new Recent({
      ...times,
      what: 'the profile of the brick',
      ask: async (own) => {
        const answers = statfsAnswers();
        const sizes = await brick.xlatorInfo(brickName, own);
        this.#failing.delete('profile');
        return { sizes, counts: counters.take(sizes, answers, clock.monotonic()) };
      },
      clock,
      signal,
      onFailure: (error) => this.#note('profile', error),
    });
    this.#clients = new Recent({
      ...times,
      what: 'the clients of the brick',
      ask: async (own) => {
        const figures = traffic.take(await brick.clients(brickName, own));
        this.#failing.delete('clients');
        return figures;
      },
      clock,
      signal,
      onFailure: (error) => this.#note('clients', error),
    });
  }

  get load(): BrickLoad {
    return { profile: this.#profile.value, clients: this.#clients.value };
  }

  async refresh(): Promise<void> {
    await Promise.all([this.#profile.refresh(), this.#clients.refresh()]);
  }

  /** That the brick does not answer is said elsewhere, and louder. */
  #note(figures: string, error: unknown): void {
    const message = errorMessage(error);
    if (this.#failing.get(figures) === message) return;
    this.#failing.set(figures, message);
    this.#log.info({ figures }, `the brick tells no figures of its work: ${message}`);
  }
}
