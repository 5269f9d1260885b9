/**
 * Metrics of many objects, thousands of PVs: one metric after the other is written as bytes, in slices with pauses between them,
 * so that probes and loops have their turn while a large scrape is made. Written byte by byte, because strings of that number
 * cost more in garbage than in writing (measured with 10,000 PVs: 18 ms in place of 26, and pauses of the collector beside it).
 */
import { setImmediate } from 'node:timers/promises';
import type { Exposition } from './exposition.ts';
import { valueText } from './format.ts';
import type { MetricName } from './names.ts';

/** Longest that the thread is held at a time, in milliseconds. */
const SLICE_MS = 4;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 128;
const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/** @param further labels behind that of the row: empty, or a comma and what `labelText` writes; NaN is left out */
export type Put = (further: string, value: number) => void;

/** Rows have numbers from 0; each metric may have several samples of a row, or none. */
export interface Bulk {
  rows: number;
  /** Reads all that is needed of one row, before anything is written: so a row is of one moment. */
  prepare(row: number): void;
  /** What tells this row from the others, as `labelText` writes it. */
  label(row: number): string;
  metrics: readonly { name: MetricName; samples: (row: number, put: Put) => void }[];
  /** What was written of these very rows before, and is still so once they are prepared; undefined: nothing is kept. */
  kept?: KeptText | undefined;
  /** The scrape is over, or given up. */
  release?: () => void;
}

/** Rows whose text is kept or dropped together: some 50 KB of each metric. */
const ROWS_PER_BLOCK = 512;
/** Of all text that is kept, in bytes: some 2,000 PVs. For more, to keep it costs more memory than to write it costs time. */
const MAX_KEPT_BYTES = 2 * 1024 ** 2;

/**
 * Text of rows from one scrape to the next: of an agent with 1,000 PVs at rest, ten lines in eleven are the same, and to write them is a third of what
 * it does.
 */
export class KeptText {
  readonly #blocks = new Map<MetricName, (Buffer | undefined)[]>();
  readonly #max: number;
  #bytes = 0;

  /** @param maxBytes other numbers are for tests */
  constructor(maxBytes: number = MAX_KEPT_BYTES) {
    this.#max = maxBytes;
  }

  get(name: MetricName, block: number): Buffer | undefined {
    return this.#blocks.get(name)?.[block];
  }

  /** Unless there is no more room. */
  keep(name: MetricName, block: number, chunks: readonly Buffer[]): void {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    if (this.#bytes + bytes > this.#max) return;
    let blocks = this.#blocks.get(name);
    if (blocks === undefined) this.#blocks.set(name, (blocks = []));
    blocks[block] = joined(chunks, bytes);
    this.#bytes += bytes;
  }

  /** A sample of that row is another one now. */
  drop(name: MetricName, row: number): void {
    this.#drop(this.#blocks.get(name), Math.floor(row / ROWS_PER_BLOCK));
  }

  /** All samples of that row are. */
  dropRow(row: number): void {
    for (const blocks of this.#blocks.values()) this.#drop(blocks, Math.floor(row / ROWS_PER_BLOCK));
  }

  #drop(blocks: (Buffer | undefined)[] | undefined, block: number): void {
    const text = blocks?.[block];
    if (blocks === undefined || text === undefined) return;
    blocks[block] = undefined;
    this.#bytes -= text.length;
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

  async each(rows: number, work: (row: number) => void): Promise<void> {
    for (let row = 0; row < rows; row += 1) {
      if (row % ROWS_PER_LOOK === 0) await this.#giveWay();
      work(row);
    }
  }

  async #giveWay(): Promise<void> {
    const heldMs = performance.now() - this.#since;
    if (heldMs < SLICE_MS) return;
    this.#spentMs += heldMs;
    await setImmediate();
    this.#since = performance.now();
  }
}

/** All samples of one metric, in memory of the pool; empty when there are none. */
export async function renderMetric(
  bulk: Bulk,
  { name, samples }: Bulk['metrics'][number],
  scrape: Exposition,
  slices: Slices,
  pool: ChunkPool,
): Promise<Buffer[]> {
  const begin = `${name}{`;
  const end = `${scrape.constantBehind} `;
  const texts: Buffer[] = [];
  for (let block = 0; block * ROWS_PER_BLOCK < bulk.rows; block += 1) {
    const kept = bulk.kept?.get(name, block);
    if (kept !== undefined) {
      texts.push(kept);
      continue;
    }
    const chunks = new Chunks(pool);
    let label = '';
    const put: Put = (further, value) => {
      if (!Number.isNaN(value)) chunks.line(begin, label, further, end, valueText(value));
    };
    const first = block * ROWS_PER_BLOCK;
    await slices.each(Math.min(ROWS_PER_BLOCK, bulk.rows - first), (row) => {
      label = bulk.label(first + row);
      samples(first + row, put);
    });
    const written = chunks.take();
    texts.push(...written);
    bulk.kept?.keep(name, block, written);
  }
  if (texts.every(({ length }) => length === 0)) return [];
  return [Buffer.from(scrape.head(name), 'latin1'), ...texts, Buffer.from(scrape.gap, 'latin1')].filter(
    ({ length }) => length > 0,
  );
}

/** A copy that holds no more than the text. */
function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(copy, at);
  return copy;
}

/** Memory that one metric after the other is written to: a scrape of 10,000 PVs has 11 MB, and would have the collector of garbage run beside it. */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  readonly #lent: Buffer[] = [];

  lend(): Buffer {
    const chunk = this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#lent.push(chunk);
    return chunk;
  }

  /** What was written to those that are lent is sent, or not wanted any more. */
  takeBack(): void {
    this.#free.push(...this.#lent.splice(0));
  }
}

/** Takes latin1 only. */
class Chunks {
  readonly #pool: ChunkPool;
  readonly #full: Buffer[] = [];
  #current: Buffer | undefined;
  #used = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  line(begin: string, label: string, further: string, end: string, value: string): void {
    const length = begin.length + label.length + further.length + end.length + value.length + 1;
    const chunk = this.#room(length);
    let at = put(chunk, this.#used, begin);
    at = put(chunk, at, label);
    at = put(chunk, at, further);
    at = put(chunk, at, end);
    at = put(chunk, at, value);
    chunk[at] = LINE_FEED;
    this.#used += length;
  }

  take(): Buffer[] {
    this.#close();
    return this.#full;
  }

  #room(length: number): Buffer {
    const current = this.#current;
    if (current !== undefined && this.#used + length <= current.length) return current;
    this.#close();
    const next = length > CHUNK_BYTES ? Buffer.allocUnsafeSlow(length) : this.#pool.lend();
    this.#current = next;
    return next;
  }

  #close(): void {
    if (this.#current !== undefined) this.#full.push(this.#current.subarray(0, this.#used));
    this.#used = 0;
  }
}

/** @returns the place behind it */
function put(chunk: Buffer, at: number, latin1: string): number {
  const { length } = latin1;
  for (let index = 0; index < length; index += 1) chunk[at + index] = latin1.charCodeAt(index);
  return at + length;
}
