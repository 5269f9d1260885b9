/** Record marking (RFC 5531 §11): each fragment is led by four bytes, bit 31 = the last one, the rest its length. */
import { AgentError } from '../lib/errors.ts';

/** Bit 31 of a mark. Gluster itself sends one fragment a message, and so do we. */
export const LAST_FRAGMENT = 0x8000_0000;
const LENGTH_MASK = 0x7fffffff;

/** Our largest expected reply is a directory listing of some 128 KiB; statedumps do not come over RPC. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Cuts a byte stream into records. Bytes are copied at most once: into the record they belong to. */
export class RecordDecoder {
  readonly #maxBytes: number;
  readonly #mark = Buffer.allocUnsafe(4);
  #markBytes = 0;
  /** Of the fragment being read: bytes still to come; undefined while its mark is read. */
  #left: number | undefined;
  #isLast = false;
  #parts: Buffer[] = [];
  #partsBytes = 0;

  constructor(maxBytes = MAX_RECORD_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Whether bytes of an unfinished record are there: an end of the stream now is in the middle of a message. */
  get inRecord(): boolean {
    return this.#markBytes > 0 || this.#left !== undefined || this.#parts.length > 0;
  }

  /**
   * @param onRecord called for each record that is complete with these bytes
   * @throws AgentError `RpcProtocol` for a record over the limit; the stream cannot be used any more then
   */
  push(chunk: Buffer, onRecord: (record: Buffer) => void): void {
    let offset = 0;
    while (offset < chunk.length || this.#left === 0) {
      if (this.#left === undefined) {
        offset = this.#readMark(chunk, offset);
      } else {
        offset = this.#readFragment(chunk, offset, this.#left);
        if (this.#left === 0) this.#endFragment(onRecord);
      }
    }
  }

  #readMark(chunk: Buffer, offset: number): number {
    const take = Math.min(4 - this.#markBytes, chunk.length - offset);
    chunk.copy(this.#mark, this.#markBytes, offset, offset + take);
    this.#markBytes += take;
    if (this.#markBytes === 4) this.#startFragment(this.#mark.readUInt32BE(0));
    return offset + take;
  }

  #startFragment(mark: number): void {
    const length = mark & LENGTH_MASK;
    this.#markBytes = 0;
    this.#isLast = mark >>> 31 === 1;
    this.#left = length;
    // An endless row of empty fragments would never become a record.
    if (length === 0 && !this.#isLast) throw new AgentError('RpcProtocol', 'record: an empty fragment');
    const bytes = this.#partsBytes + length;
    if (bytes > this.#maxBytes) {
      throw new AgentError('RpcProtocol', `record: ${bytes} bytes announced, ${this.#maxBytes} are allowed`);
    }
  }

  #readFragment(chunk: Buffer, offset: number, left: number): number {
    const take = Math.min(left, chunk.length - offset);
    if (take > 0) {
      this.#parts.push(chunk.subarray(offset, offset + take));
      this.#partsBytes += take;
    }
    this.#left = left - take;
    return offset + take;
  }

  #endFragment(onRecord: (record: Buffer) => void): void {
    this.#left = undefined;
    if (!this.#isLast) return;
    const [first] = this.#parts;
    const record =
      this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts, this.#partsBytes);
    this.#parts = [];
    this.#partsBytes = 0;
    onRecord(record);
  }
}
