/**
 * The samples of one scrape, written by prom-client from a registry that lives as long as the scrape (docs/adr/0004): what is not
 * known is not there, and nothing is left of what is gone.
 */
import { Counter, Gauge, Registry, type MetricObjectWithValues } from 'prom-client';
import { boundText, contentTypeOf, headLines, labelText, type Format } from './format.ts';
import {
  METRICS,
  type HistogramValue,
  type MetricLabels,
  type MetricName,
  type MetricSpec,
  type MetricValue,
} from './names.ts';

const SPECS: Readonly<Record<MetricName, MetricSpec>> = METRICS;

interface Sample {
  labels: Record<string, string>;
  value: number | HistogramValue;
}

export class Exposition {
  readonly #format: Format;
  readonly #constant: Readonly<Record<string, string>>;
  readonly #samples = new Map<string, Sample[]>();

  /** @param constant labels on every series, e.g. the volume */
  constructor(format: Format, constant: Readonly<Record<string, string>>) {
    this.#format = format;
    this.#constant = constant;
  }

  /** One sample; an undefined value is not known and left out. */
  add<N extends MetricName>(name: N, labels: MetricLabels<N>, value: MetricValue<N> | undefined): void {
    if (value === undefined || Number.isNaN(value)) return;
    const given: Readonly<Record<string, string>> = labels;
    // Labels stand in a series in the order of the table.
    const sample = {
      labels: Object.fromEntries(SPECS[name].labels.map((label) => [label, given[label] ?? ''])),
      value,
    };
    const before = this.#samples.get(name);
    if (before === undefined) this.#samples.set(name, [sample]);
    else before.push(sample);
  }

  /** Takes over all samples of another one. */
  merge(other: Exposition): void {
    for (const [name, samples] of other.#samples) {
      this.#samples.set(name, [...(this.#samples.get(name) ?? []), ...samples]);
    }
  }

  /** All samples, in the order of the table of metrics; more may follow, so OpenMetrics' end is not there. */
  async text(): Promise<string> {
    if (this.#samples.size === 0) return '';
    const registry = new Registry();
    registry.setContentType(contentTypeOf(this.#format));
    registry.setDefaultLabels(this.#constant);
    for (const [name, spec] of Object.entries(SPECS)) {
      const samples = this.#samples.get(name);
      if (samples !== undefined) fill(registry, name, spec, samples);
    }
    const text = await registry.metrics();
    return this.#format === 'openmetrics' ? text.replace(/# EOF\n$/, '') : `${text}${this.gap}`;
  }

  /** The same, one character a byte. */
  async latin1(): Promise<string> {
    return Buffer.from(await this.text(), 'utf8').toString('latin1');
  }

  /** What ends the labels of a series that has some of its own, for metrics that are written in slices (bulk.ts). */
  get constantBehind(): string {
    const constant = labelText(Object.entries(this.#constant));
    return constant === '' ? '}' : `,${constant}}`;
  }

  /** What stands in front of the samples of such a metric. */
  head(name: MetricName): string {
    return headLines(name, SPECS[name], this.#format);
  }

  /** Behind a metric: a text for people has an empty line, which OpenMetrics forbids. */
  get gap(): string {
    return this.#format === 'text' ? '\n' : '';
  }
}

function fill(registry: Registry, name: string, { help, labels, type }: MetricSpec, samples: readonly Sample[]): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  const counter = type === 'counter' ? new Counter<string>(options) : undefined;
  const gauge = type === 'gauge' ? new Gauge<string>(options) : undefined;
  const histogram = type === 'histogram' ? new ReadHistogram(options) : undefined;
  for (const { labels: own, value } of samples) {
    if (typeof value !== 'number') histogram?.read(own, value);
    else if (counter === undefined) gauge?.set(own, value);
    else counter.inc(own, value);
  }
}

/** The library's own histogram observes; this one shows what somebody else has observed. */
class ReadHistogram extends Gauge<string> {
  readonly #values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
  readonly #name: string;

  constructor(options: ConstructorParameters<typeof Gauge<string>>[0]) {
    super(options);
    this.#name = options.name;
  }

  read(labels: Record<string, string>, { buckets, count, sum }: HistogramValue): void {
    const bucket = (le: string, value: number): void => {
      this.#values.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le }, value });
    };
    for (const [bound, below] of buckets) bucket(boundText(bound), below);
    bucket('+Inf', count);
    this.#values.push({ metricName: `${this.#name}_sum`, labels, value: sum });
    this.#values.push({ metricName: `${this.#name}_count`, labels, value: count });
  }

  override async get(): Promise<MetricObjectWithValues<{ labels: Record<string, string | number>; value: number }>> {
    return { ...(await super.get()), type: 'histogram', values: this.#values };
  }
}
