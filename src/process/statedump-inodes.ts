/** Takes the inode table of one brick out of a statedump, line by line. */
import type { Gfid } from '../lib/gfid.ts';

/** A file or directory that the brick has in memory. */
export interface CachedInode {
  gfid: Gfid;
  /** The directory whose quota it counts for; the root's gfid: none. Undefined on 10.x, which has no namespaces. */
  namespace: Gfid | undefined;
}

const SECTION = /^\[(.*)\]$/;
/** The name of a brick may hold dots and slashes; the end is told from the right. */
const INODE_SECTION = /^conn\.(\d+)\.bound_xl\.(.*)\.(?:active|lru)\.\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** ia_type as gluster numbers it; nothing else takes space that is counted. */
const REGULAR = '1';
const DIRECTORY = '2';

export class InodeTableReader {
  readonly #brickName: string;
  readonly #take: (inode: CachedInode) => void;
  /** The connection under which the table was first shown; a table may be shown once for each. */
  #connection: string | undefined;
  #hasTable = false;
  #current: Map<string, string> | undefined;

  /** @param brickName name of the brick volume below protocol/server */
  constructor(brickName: string, take: (inode: CachedInode) => void) {
    this.#brickName = brickName;
    this.#take = take;
  }

  line(line: string): void {
    const section = line.startsWith('[') ? SECTION.exec(line)?.[1] : undefined;
    if (section !== undefined) {
      this.#close();
      this.#open(section);
      return;
    }
    if (this.#current !== undefined) {
      const at = line.indexOf('=');
      if (at > 0) this.#current.set(line.slice(0, at), line.slice(at + 1));
      return;
    }
    if (line.includes('.bound_xl.')) this.#sawTable(line);
  }

  /** Whether the brick's inode table was in the dump at all; an options file can switch it off. */
  end(): boolean {
    this.#close();
    return this.#hasTable;
  }

  #open(section: string): void {
    const [, connection, name] = INODE_SECTION.exec(section) ?? [];
    if (connection === undefined || name !== this.#brickName) return;
    this.#connection ??= connection;
    if (connection === this.#connection) this.#current = new Map();
  }

  #close(): void {
    const fields = this.#current;
    this.#current = undefined;
    if (fields === undefined) return;
    this.#hasTable = true;
    const gfid = fields.get('gfid');
    const type = fields.get('ia_type');
    if (gfid === undefined || !UUID.test(gfid) || (type !== REGULAR && type !== DIRECTORY)) return;
    const namespace = fields.get('namespace');
    this.#take({
      gfid,
      namespace: namespace !== undefined && UUID.test(namespace) ? namespace : undefined,
    });
  }

  /** `conn.0.bound_xl.<name>.active_size=9` stands above the table, also when that is empty. */
  #sawTable(line: string): void {
    if (/^conn\.\d+\.bound_xl\./.test(line) && line.includes(`.bound_xl.${this.#brickName}.active_size=`)) {
      this.#hasTable = true;
    }
  }
}
