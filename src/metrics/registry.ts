import { errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { prepareRows, renderMetric, Slices, type Bulk } from './bulk.ts';
import { Exposition } from './exposition.ts';
import type { Format } from './format.ts';
import type { MetricLabels, MetricName, MetricValue } from './names.ts';

/** Hands one sample to the scrape. `undefined` is a value that is not known: the series is left out. */
export type Emit = <N extends MetricName>(name: N, labels: MetricLabels<N>, value: MetricValue<N> | undefined) => void;

/** One subject of metrics. Reads what is known already; never waits for a disk or a peer. */
export interface Collector {
  name: string;
  collect(emit: Emit): void;
  /** Metrics of so many objects that they are written in slices; under names of their own. Called after `collect`. */
  bulk?(): Bulk | undefined;
}

/** Asks somebody else for what a collector shows. */
export interface ScrapeSource {
  /** Never rejects, and takes no longer than a scrape may wait. */
  refresh(): Promise<void>;
}

export interface ScrapeRequest {
  format: Format;
  /** Milliseconds that the scrape may take: what is not written by then is left out. */
  budgetMs: number;
}

interface Outcome {
  collector: string;
  ok: boolean;
  ms: number;
}

/**
 * Renders all collectors into one scrape. Each is timed, and one that fails leaves its own series out and nothing else. Nothing
 * is kept between two scrapes, so nothing can be left of what is gone or not known any more.
 */
export class MetricsRegistry {
  readonly #collectors: readonly Collector[];
  readonly #sources: readonly ScrapeSource[];
  readonly #constant: Readonly<Record<string, string>>;
  readonly #log: Log;
  readonly #failing = new Map<string, string>();

  /** @param constant labels on every series, e.g. the volume */
  constructor(
    collectors: readonly Collector[],
    constant: Record<string, string>,
    log: Log,
    sources: readonly ScrapeSource[] = [],
  ) {
    this.#collectors = collectors;
    this.#sources = sources;
    this.#constant = constant;
    this.#log = log;
  }

  /** The scrape in pieces, one character a byte: first all that is small, then the metrics of many objects, last what became of the collectors. */
  async *render({ format, budgetMs }: ScrapeRequest): AsyncGenerator<string, void> {
    const deadline = performance.now() + budgetMs;
    await Promise.all(this.#sources.map(async (source) => await source.refresh()));
    const scrape = new Exposition(format, this.#constant);
    const outcomes: Outcome[] = [];
    const bulks: { bulk: Bulk; outcome: Outcome }[] = [];
    for (const collector of this.#collectors) {
      const { bulk, outcome } = this.#run(collector, scrape, format);
      outcomes.push(outcome);
      if (bulk !== undefined) bulks.push({ bulk, outcome });
    }
    try {
      yield await scrape.latin1();
      yield* this.#renderBulks(bulks, scrape, outcomes, { format, deadline });
    } finally {
      for (const { bulk } of bulks) bulk.release?.();
    }
  }

  async *#renderBulks(
    bulks: readonly { bulk: Bulk; outcome: Outcome }[],
    scrape: Exposition,
    outcomes: readonly Outcome[],
    { format, deadline }: { format: Format; deadline: number },
  ): AsyncGenerator<string, void> {
    let complete = true;
    for (const { bulk, outcome } of bulks) {
      const slices = new Slices();
      try {
        await prepareRows(bulk, slices);
        for (const metric of bulk.metrics) {
          if (performance.now() > deadline) complete = false;
          else yield* renderMetric(bulk, metric, scrape, slices);
        }
        this.#failing.delete(outcome.collector);
      } catch (error) {
        // Nothing of it is out yet.
        outcome.ok = false;
        this.#logFailure(outcome.collector, error);
      }
      outcome.ms += slices.spentMs;
    }
    const ends = await this.#ends(outcomes, complete, format).latin1();
    yield `${ends}${format === 'openmetrics' ? '# EOF\n' : ''}`;
  }

  #run(collector: Collector, scrape: Exposition, format: Format): { bulk: Bulk | undefined; outcome: Outcome } {
    const start = performance.now();
    const outcome: Outcome = { collector: collector.name, ok: true, ms: 0 };
    const own = new Exposition(format, this.#constant);
    let bulk: Bulk | undefined;
    try {
      collector.collect((name, labels, value) => own.add(name, labels, value));
      bulk = collector.bulk?.();
      scrape.merge(own);
      if (bulk === undefined) this.#failing.delete(collector.name);
    } catch (error) {
      outcome.ok = false;
      this.#logFailure(collector.name, error);
    }
    outcome.ms = performance.now() - start;
    return { bulk, outcome };
  }

  #ends(outcomes: readonly Outcome[], complete: boolean, format: Format): Exposition {
    const ends = new Exposition(format, this.#constant);
    for (const { collector, ok, ms } of outcomes) {
      ends.add('brick_agent_collector_success', { collector }, Number(ok));
      ends.add('brick_agent_collector_duration_seconds', { collector }, ms / 1000);
    }
    ends.add('brick_agent_scrape_complete', {}, Number(complete));
    return ends;
  }

  /** A scrape comes every few seconds: the same failure is logged once. */
  #logFailure(collector: string, error: unknown): void {
    const message = errorMessage(error);
    if (this.#failing.get(collector) === message) return;
    this.#failing.set(collector, message);
    this.#log.error({ collector, err: error }, 'collector failed');
  }
}
