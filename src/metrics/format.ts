/** The two text formats that Prometheus reads: which one is asked for, and how names, labels and values are written in them. */
import type { MetricSpec } from './names.ts';

/** `text`: Prometheus' own, 0.0.4. `openmetrics`: OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics';

const CONTENT_TYPES = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const satisfies Record<Format, string>;

/** A client writes some of these; what is behind them is no wish of a scraper's. */
const MAX_WISHES = 20;

export function contentTypeOf(format: Format): (typeof CONTENT_TYPES)[Format] {
  return CONTENT_TYPES[format];
}

/**
 * The format that an Accept header wants more. OpenMetrics is given only to who names it, in the version that we write; all
 * others get the text that everybody reads.
 */
export function negotiate(accept: string | undefined): Format {
  let text = 0;
  let openMetrics = 0;
  for (const wish of (accept ?? '').split(',', MAX_WISHES)) {
    const [type = '', ...parameters] = wish.split(';').map((part) => part.trim().toLowerCase());
    const value = (key: string): string | undefined =>
      parameters.find((parameter) => parameter.startsWith(`${key}=`))?.slice(key.length + 1);
    const quality = Number(value('q') ?? 1);
    if (!(quality > 0)) continue;
    if (type === 'application/openmetrics-text') {
      const version = value('version')?.replaceAll('"', '') ?? '1.0.0';
      if (version === '1.0.0') openMetrics = Math.max(openMetrics, quality);
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      text = Math.max(text, quality);
    }
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
}

/** The lines in front of a metric's samples. OpenMetrics names a counter without its `_total`. */
export function headLines(name: string, { type, help }: MetricSpec, format: Format): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  return `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
}

/** `a="1",b="2"`: escaped, in the order given; UTF-8 bytes as latin1, which is how all lines are kept until they are sent. */
export function labelText(labels: Iterable<readonly [string, string]>): string {
  const parts: string[] = [];
  for (const [name, value] of labels) parts.push(parts.length === 0 ? '' : ',', name, '="', escaped(value), '"');
  // In one piece: V8 keeps what is added up as a tree of its parts, which takes three times the memory, and longer to write.
  return parts.join('');
}

export function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

/** Bounds are floats in both formats, so that a series has one name whichever was asked for. */
export function boundText(bound: number): string {
  return Number.isSafeInteger(bound) ? `${bound}.0` : valueText(bound);
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

function escaped(value: string): string {
  // Nearly all values are plain, and there are ten thousands of them.
  if (/^[ !#-[\]-~]*$/.test(value)) return value;
  const safe = value.replaceAll(/[\\"\n]/g, (character) => ESCAPES[character] ?? character);
  return Buffer.from(safe, 'utf8').toString('latin1');
}
