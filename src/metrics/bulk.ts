/**
 * Metrics of many objects, thousands of PVs: one metric after the other is written, in slices with pauses between them, so that probes and loops have
 * their turn while a large scrape is made.
 *
 * What is done for each line is little: the texts that it consists of are there already, and V8 joins those of many lines at once. The agent has no
 * optimising compiler (docs/adr/0006): to write the same byte by byte took twenty times as long (measured with 110,000 lines).
 */
import { setImmediate } from 'node:timers/promises';
import type { Exposition } from './exposition.ts';
import type { MetricName } from './names.ts';

/** Longest that the thread is held at a time, in milliseconds. */
const SLICE_MS = 4;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 128;
/** Written as one piece: some 50 KB, and less than a millisecond. */
const LINES_PER_PIECE = 512;

/** Rows have numbers from 0. */
export interface Bulk {
  rows: number;
  /** Reads all that is needed of one row, before anything is written: so a row is of one moment, and nothing can fail in the middle of a metric. */
  prepare(row: number): void;
  /** What tells each row from the others, as `labelText` writes it. */
  labels: readonly string[];
  metrics: readonly BulkMetric[];
  /** The scrape is over, or given up. */
  release?: () => void;
}

/** Values of rows as `valueText` writes them; undefined: there is none. */
interface Column {
  /** Labels behind those of the row: empty, or a comma and what `labelText` writes. */
  further: string;
  values: (string | undefined)[];
}

/** Samples of one metric: of each row at most one with the same further labels, of which there are few. */
export class BulkMetric {
  readonly name: MetricName;
  /** In place of those of the rows, where there are any. */
  readonly labels: string[] = [];
  /** Of what is another text each time, and would only become old garbage; undefined: the columns have the values. */
  readonly valueAt: ((row: number) => string | undefined) | undefined;
  readonly #rows: number;
  readonly #columns: Column[] = [];

  constructor(name: MetricName, rows: number, valueAt?: (row: number) => string | undefined) {
    this.name = name;
    this.valueAt = valueAt;
    this.#rows = rows;
    if (valueAt !== undefined) this.#columns.push({ further: '', values: [] });
  }

  get columns(): readonly Readonly<Column>[] {
    return this.#columns;
  }

  /** Samples of a row stand in the order in which their further labels were first heard of, also without a value. */
  set(row: number, value: string | undefined, further = ''): void {
    let column = this.#columns.find((one) => one.further === further);
    if (column === undefined) {
      column = { further, values: Array.from({ length: this.#rows }) };
      this.#columns.push(column);
    }
    column.values[row] = value;
  }

  /** For a metric with labels that no two rows share. @param label all that tells the row from the others */
  setNamed(row: number, label: string, value: string): void {
    this.labels[row] = label;
    this.set(row, value);
  }

  /** Nothing is known of this row any more. */
  clear(row: number): void {
    for (const { values } of this.#columns) values[row] = undefined;
  }
}

/** Gives way to others now and then, and counts the time that it did not. */
export class Slices {
  #since = performance.now();
  #spentMs = 0;

  /** Milliseconds in which the thread was held. */
  get spentMs(): number {
    return this.#spentMs + (performance.now() - this.#since);
  }

  async giveWay(): Promise<void> {
    const heldMs = performance.now() - this.#since;
    if (heldMs < SLICE_MS) return;
    this.#spentMs += heldMs;
    await setImmediate();
    this.#since = performance.now();
  }
}

export async function prepareRows(bulk: Bulk, slices: Slices): Promise<void> {
  for (let row = 0; row < bulk.rows; row += 1) {
    if (row % ROWS_PER_LOOK === 0) await slices.giveWay();
    bulk.prepare(row);
  }
}

/** All samples of one metric, in latin1; nothing when there are none. */
export async function* renderMetric(
  bulk: Bulk,
  metric: BulkMetric,
  scrape: Exposition,
  slices: Slices,
): AsyncGenerator<string, void> {
  const { rows } = bulk;
  const { name, columns, valueAt } = metric;
  const labels = metric.labels.length > 0 ? metric.labels : bulk.labels;
  const begin = `\n${name}{`;
  const ends = columns.map(({ further }) => `${further}${scrape.constantBehind} `);
  const values = columns.map((column) => column.values);
  const rowsPerPiece = Math.ceil(LINES_PER_PIECE / Math.max(1, columns.length));
  let isBegun = false;
  for (let first = 0; first < rows; first += rowsPerPiece) {
    await slices.giveWay();
    const parts: string[] = [];
    const last = Math.min(rows, first + rowsPerPiece);
    // By numbers: here an iterator would take as long as all the rest.
    for (let row = first; row < last; row += 1) {
      const label = labels[row] ?? '';
      for (let column = 0; column < ends.length; column += 1) {
        const value = valueAt === undefined ? values[column]?.[row] : valueAt(row);
        if (value !== undefined) parts.push(begin, label, ends[column] ?? '', value);
      }
    }
    if (parts.length === 0) continue;
    yield `${isBegun ? '' : scrape.head(name).trimEnd()}${parts.join('')}`;
    isBegun = true;
  }
  if (isBegun) yield `\n${scrape.gap}`;
}
