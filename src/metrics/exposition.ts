/**
 * The samples of one scrape, rendered by prom-client from a registry that lives as long as the scrape (docs/adr/0004): what is not
 * known is not there, and nothing is left of what is gone.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { METRICS, type MetricLabels, type MetricName, type MetricSpec } from './names.ts';

interface Sample {
  labels: Record<string, string>;
  value: number;
}

export class Exposition {
  readonly #samples = new Map<string, Sample[]>();

  /** One sample; an undefined value is not known and left out. */
  add<N extends MetricName>(name: N, labels: MetricLabels<N>, value: number | undefined): void {
    if (value === undefined || Number.isNaN(value)) return;
    const samples = this.#samples.get(name);
    if (samples === undefined) this.#samples.set(name, [{ labels, value }]);
    else samples.push({ labels, value });
  }

  /** Takes over all samples of another one. */
  merge(other: Exposition): void {
    for (const [name, samples] of other.#samples) {
      const before = this.#samples.get(name);
      this.#samples.set(name, before === undefined ? samples : [...before, ...samples]);
    }
  }

  /**
   * All samples in Prometheus' text format, in the order of the table of metrics.
   *
   * @param constant labels on every series, e.g. the volume
   */
  async text(constant: Record<string, string>): Promise<string> {
    const registry = new Registry();
    registry.setDefaultLabels(constant);
    for (const [name, spec] of Object.entries<MetricSpec>(METRICS)) {
      const samples = this.#samples.get(name);
      if (samples !== undefined) fill(registry, name, spec, samples);
    }
    return await registry.metrics();
  }
}

/** The content type of `Exposition.text`. */
export const METRICS_CONTENT_TYPE: string = new Registry().contentType;

function fill(registry: Registry, name: string, { help, labels, type }: MetricSpec, samples: readonly Sample[]): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'counter') {
    const counter = new Counter<string>(options);
    for (const sample of samples) counter.inc(inOrder(labels, sample.labels), sample.value);
  } else {
    const gauge = new Gauge<string>(options);
    for (const sample of samples) gauge.set(inOrder(labels, sample.labels), sample.value);
  }
}

/** Labels stand in a series as they were given; the table says how. */
function inOrder(names: readonly string[], labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, labels[name] ?? '']));
}
