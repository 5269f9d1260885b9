/** The samples of one scrape as lines: what is not known is not there, and nothing is left of what is gone (docs/adr/0005). */
import { boundText, headLines, labelText, valueText, type Format } from './format.ts';
import { METRICS, type MetricLabels, type MetricName, type MetricSpec, type MetricValue } from './names.ts';

const SPECS: Readonly<Record<MetricName, MetricSpec>> = METRICS;

export class Exposition {
  readonly #format: Format;
  readonly #constantAlone: string;
  /** What ends the labels of a series that has some of its own. */
  readonly constantBehind: string;
  readonly #lines = new Map<MetricName, string>();

  /** @param constant labels on every series, as `labelText` writes them */
  constructor(format: Format, constant: string) {
    this.#format = format;
    this.#constantAlone = constant === '' ? '' : `{${constant}}`;
    this.constantBehind = constant === '' ? '}' : `,${constant}}`;
  }

  /** One sample; an undefined value is not known and left out. */
  add<N extends MetricName>(name: N, labels: MetricLabels<N>, value: MetricValue<N> | undefined): void {
    if (value === undefined || Number.isNaN(value)) return;
    const given: Readonly<Record<string, string>> = labels;
    // Labels stand in a series in the order of the table.
    const own = labelText(SPECS[name].labels.map((label) => [label, given[label] ?? '']));
    if (typeof value === 'number') {
      this.#append(name, this.line(name, own, value));
      return;
    }
    const { buckets, count, sum } = value;
    const comma = own === '' ? '' : ',';
    let lines = '';
    for (const [bound, below] of buckets) {
      lines += this.line(`${name}_bucket`, `${own}${comma}le="${boundText(bound)}"`, below);
    }
    lines += this.line(`${name}_bucket`, `${own}${comma}le="+Inf"`, count);
    lines += this.line(`${name}_sum`, own, sum) + this.line(`${name}_count`, own, count);
    this.#append(name, lines);
  }

  /** @param own labels as `labelText` writes them */
  line(series: string, own: string, value: number): string {
    return `${series}${own === '' ? this.#constantAlone : `{${own}${this.constantBehind}`} ${valueText(value)}\n`;
  }

  /** Takes over all samples of another one. */
  merge(other: Exposition): void {
    for (const [name, lines] of other.#lines) this.#append(name, lines);
  }

  /** All samples, in the order of the table of metrics; as latin1. */
  text(): string {
    let text = '';
    for (const [name, spec] of Object.entries(SPECS)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table are its names
      const lines = this.#lines.get(name as MetricName);
      if (lines !== undefined) text += `${headLines(name, spec, this.#format)}${lines}${this.gap}`;
    }
    return text;
  }

  /** What stands in front of the samples of a metric. */
  head(name: MetricName): string {
    return headLines(name, SPECS[name], this.#format);
  }

  /** Behind a metric: a text for people has an empty line, which OpenMetrics forbids. */
  get gap(): string {
    return this.#format === 'text' ? '\n' : '';
  }

  #append(name: MetricName, lines: string): void {
    this.#lines.set(name, (this.#lines.get(name) ?? '') + lines);
  }
}
