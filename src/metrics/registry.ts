import { errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Exposition } from './exposition.ts';
import type { MetricLabels, MetricName } from './names.ts';

/** Hands one sample to the scrape. `undefined` is a value that is not known: the series is left out. */
export type Emit = <N extends MetricName>(name: N, labels: MetricLabels<N>, value: number | undefined) => void;

/** One subject of metrics. Reads what is known already; never waits for a disk or a peer. */
export interface Collector {
  name: string;
  collect(emit: Emit): void;
}

/**
 * Renders all collectors into one scrape. Each is timed, and one that fails leaves its own series out and nothing else. Nothing
 * is kept between two scrapes, so nothing can be left of what is gone or not known any more.
 */
export class MetricsRegistry {
  readonly #collectors: readonly Collector[];
  readonly #constant: Record<string, string>;
  readonly #log: Log;
  readonly #failing = new Map<string, string>();

  /** @param constant labels on every series, e.g. the volume */
  constructor(collectors: readonly Collector[], constant: Record<string, string>, log: Log) {
    this.#collectors = collectors;
    this.#constant = constant;
    this.#log = log;
  }

  async render(): Promise<string> {
    const scrape = new Exposition();
    for (const collector of this.#collectors) this.#run(collector, scrape);
    return await scrape.text(this.#constant);
  }

  #run(collector: Collector, scrape: Exposition): void {
    const start = performance.now();
    const own = new Exposition();
    let ok = 1;
    try {
      collector.collect((name, labels, value) => own.add(name, labels, value));
      scrape.merge(own);
      this.#failing.delete(collector.name);
    } catch (error) {
      ok = 0;
      this.#logFailure(collector.name, error);
    }
    const labels = { collector: collector.name };
    scrape.add('brick_agent_collector_success', labels, ok);
    scrape.add('brick_agent_collector_duration_seconds', labels, (performance.now() - start) / 1000);
  }

  /** A scrape comes every few seconds: the same failure is logged once. */
  #logFailure(collector: string, error: unknown): void {
    const message = errorMessage(error);
    if (this.#failing.get(collector) === message) return;
    this.#failing.set(collector, message);
    this.#log.error({ collector, err: error }, 'collector failed');
  }
}
