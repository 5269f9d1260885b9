import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { errorMessage } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { METRICS, type MetricName, type MetricSpec } from './names.ts';

/** Hands one sample to the registry. `undefined` is a value that is not known: the series is left out. */
export type Emit = (name: MetricName, labels: Record<string, string>, value: number | undefined) => void;

/** One subject of metrics. Reads what is known already; never waits for a disk or a peer. */
export interface Collector {
  name: string;
  /** The metrics that it fills; they are emptied before each run, so that nothing is left of what is gone. */
  metrics: readonly MetricName[];
  collect(emit: Emit): void;
}

/**
 * Renders all collectors into one scrape. Each is timed, and one that fails leaves its own series out and nothing else.
 */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #instruments = new Map<string, Gauge<string> | Counter<string>>();
  readonly #collectors: readonly Collector[];
  readonly #log: Log;
  readonly #failing = new Map<string, string>();

  /** @param constant labels on every series, e.g. the volume */
  constructor(collectors: readonly Collector[], constant: Record<string, string>, log: Log) {
    this.#collectors = collectors;
    this.#log = log;
    this.#registry.setDefaultLabels(constant);
    for (const [name, spec] of Object.entries(METRICS)) this.#instruments.set(name, this.#instrument(name, spec));
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async render(): Promise<string> {
    const emit: Emit = (name, labels, value) => this.#set(name, labels, value);
    for (const collector of this.#collectors) this.#run(collector, emit);
    return await this.#registry.metrics();
  }

  #run(collector: Collector, emit: Emit): void {
    const start = performance.now();
    for (const name of collector.metrics) this.#instruments.get(name)?.reset();
    let ok = 1;
    try {
      collector.collect(emit);
      this.#failing.delete(collector.name);
    } catch (error) {
      ok = 0;
      for (const name of collector.metrics) this.#instruments.get(name)?.reset();
      this.#logFailure(collector.name, error);
    }
    const labels = { collector: collector.name };
    this.#set('brick_agent_collector_success', labels, ok);
    this.#set('brick_agent_collector_duration_seconds', labels, (performance.now() - start) / 1000);
  }

  /** A scrape comes every few seconds: the same failure is logged once. */
  #logFailure(collector: string, error: unknown): void {
    const message = errorMessage(error);
    if (this.#failing.get(collector) === message) return;
    this.#failing.set(collector, message);
    this.#log.error({ collector, err: error }, 'collector failed');
  }

  #set(name: MetricName, labels: Record<string, string>, value: number | undefined): void {
    if (value === undefined || Number.isNaN(value)) return;
    const instrument = this.#instruments.get(name);
    // Counters are kept by whoever counts; here they only get their present value, after the reset above.
    if (instrument instanceof Counter) instrument.inc(labels, value);
    else instrument?.set(labels, value);
  }

  #instrument(name: string, spec: MetricSpec): Gauge<string> | Counter<string> {
    const options = { name, help: spec.help, labelNames: [...spec.labels], registers: [this.#registry] };
    return spec.type === 'counter' ? new Counter<string>(options) : new Gauge<string>(options);
  }
}
