/**
 * Record marking (RFC 5531, 11): a stream cut into records, each of one or more fragments with a four-byte mark. Gluster sends
 * one fragment a record, the standard allows more. Used by the connection for what it receives.
 */
import { AgentError } from '../lib/errors.ts';

/**
 * Replies of ours are below 1 MiB (a page of READDIR, STATUS of a brick with thousands of clients). 16 MiB leaves room and
 * still bounds what a hostile or confused peer can make us keep.
 */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** The mark of a record's last or only fragment. */
export const LAST_FRAGMENT = 0x8000_0000;
const MARK_BYTES = 4;
/** A record that did not come in one piece starts this small, whatever its mark promises. */
const INITIAL_BYTES = 4096;

/**
 * Takes the stream in pieces of any size and hands out whole records. Memory grows with the bytes received, never with the
 * length that a mark claims; each byte is copied a constant number of times.
 */
export class RecordDecoder {
  readonly #maxBytes: number;
  readonly #mark = Buffer.alloc(MARK_BYTES);
  #markBytes = 0;
  /** Bytes of the current fragment still to come. */
  #wanted = 0;
  #last = false;
  #partial: Buffer | undefined;
  #partialBytes = 0;

  /** @param maxBytes longest record that is accepted, in bytes */
  constructor(maxBytes: number = MAX_RECORD_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** True when the stream stands in the middle of a record: an end here is a broken message. */
  get inRecord(): boolean {
    return this.#markBytes > 0 || this.#partial !== undefined;
  }

  /**
   * Calls `onRecord` once for each record that `chunk` completes. The record may be a view of `chunk`: copy what is kept.
   *
   * @throws AgentError `RpcProtocol` when a record is longer than the limit; the stream is then of no more use
   */
  push(chunk: Buffer, onRecord: (record: Buffer) => void): void {
    let at = 0;
    for (;;) {
      if (this.#markBytes < MARK_BYTES) {
        if (at === chunk.length) return;
        at = this.#readMark(chunk, at);
        if (this.#markBytes < MARK_BYTES) return;
      }
      // An empty fragment ends with its mark, so this runs even when the chunk is used up.
      const end = Math.min(chunk.length, at + this.#wanted);
      const piece = chunk.subarray(at, end);
      this.#wanted -= end - at;
      at = end;
      if (this.#wanted > 0) {
        this.#keep(piece);
        return;
      }
      this.#markBytes = 0;
      if (this.#last && this.#partial === undefined) {
        onRecord(piece);
        continue;
      }
      this.#keep(piece);
      if (this.#last) onRecord(this.#takePartial());
    }
  }

  #readMark(chunk: Buffer, at: number): number {
    const size = Math.min(MARK_BYTES - this.#markBytes, chunk.length - at);
    chunk.copy(this.#mark, this.#markBytes, at, at + size);
    this.#markBytes += size;
    if (this.#markBytes === MARK_BYTES) {
      const mark = this.#mark.readUInt32BE(0);
      this.#last = mark >= LAST_FRAGMENT;
      this.#wanted = this.#last ? mark - LAST_FRAGMENT : mark;
      // An endless row of empty fragments would never become a record.
      if (mark === 0) throw new AgentError('RpcProtocol', 'record with an empty fragment that is not its last');
      if (this.#partialBytes + this.#wanted > this.#maxBytes) {
        throw new AgentError(
          'RpcProtocol',
          `record of ${this.#partialBytes + this.#wanted} bytes, at most ${this.#maxBytes} are accepted`,
        );
      }
    }
    return at + size;
  }

  #keep(piece: Buffer): void {
    const needed = this.#partialBytes + piece.length;
    if (this.#partial === undefined || needed > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, INITIAL_BYTES, 2 * (this.#partial?.length ?? 0)));
      this.#partial?.copy(larger, 0, 0, this.#partialBytes);
      this.#partial = larger;
    }
    piece.copy(this.#partial, this.#partialBytes);
    this.#partialBytes = needed;
  }

  #takePartial(): Buffer {
    const record = (this.#partial ?? Buffer.alloc(0)).subarray(0, this.#partialBytes);
    this.#partial = undefined;
    this.#partialBytes = 0;
    return record;
  }
}
