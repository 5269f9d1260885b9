/**
 * Prometheus' text format 0.0.4, for one scrape.
 *
 * Client libraries keep instruments between scrapes; our series are a snapshot of what is known now, and the ones that are
 * not known must not be there. Writing the text directly is also seven times faster (docs/adr/0004).
 */
import { METRICS, type MetricLabels, type MetricName } from './names.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Exposition {
  /** Lines by metric. */
  readonly #samples = new Map<string, string[]>();
  readonly #constant: string;

  /** @param constant labels on every series */
  constructor(constant: Record<string, string>) {
    this.#constant = Object.entries(constant)
      .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
      .join(',');
  }

  /** One sample; an undefined value is not known and left out. */
  add<N extends MetricName>(name: N, labels: MetricLabels<N>, value: number | undefined): void {
    if (value === undefined || Number.isNaN(value)) return;
    const given: Record<string, string> = labels;
    let text = '';
    for (const label of METRICS[name].labels) text += `${label}="${escapeLabel(given[label] ?? '')}",`;
    const line = `${name}{${text}${this.#constant}} ${formatValue(value)}\n`;
    const lines = this.#samples.get(name);
    if (lines === undefined) this.#samples.set(name, [line]);
    else lines.push(line);
  }

  /** Takes over all samples of another one with the same constant labels. */
  merge(other: Exposition): void {
    for (const [name, lines] of other.#samples) {
      const before = this.#samples.get(name);
      this.#samples.set(name, before === undefined ? lines : [...before, ...lines]);
    }
  }

  /** All samples, in the order of the table of metrics. */
  text(): string {
    let text = '';
    for (const [name, header] of HEADERS) {
      const lines = this.#samples.get(name);
      if (lines !== undefined) text += header + lines.join('');
    }
    return text;
  }
}

const HEADERS = Object.entries(METRICS).map(
  ([name, { help, type }]) => [name, `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`] as const,
);

/** Label values may be tenants' names: anything is allowed in them, once these three are escaped. */
function escapeLabel(value: string): string {
  // Nearly no value has any of them, and one test is cheaper than three replacements.
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
