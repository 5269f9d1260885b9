/** Takes the inode table of one brick out of a statedump, line by line, and what else there is to learn on the way. */
import type { Gfid } from '../lib/gfid.ts';

/** A file or directory that the brick has in memory. */
export interface CachedInode {
  gfid: Gfid;
  /** The directory whose quota it counts for; the root's gfid: none. Undefined on 10.x, which has no namespaces. */
  namespace: Gfid | undefined;
  isDirectory: boolean;
}

/** What the whole dump said. */
export interface DumpSummary {
  /** Whether the brick's inode table was in it at all; an options file can switch it off. */
  hasTable: boolean;
  /** Files and directories in the table. */
  inodes: number;
  /**
   * SETXATTR calls that the lowest features/simple-quota answered itself since the samples were last reset: messages to it
   * (`glusterfs.quota.*`), and limits that it refused. Undefined when the graph cannot be told.
   */
  swallowedSetxattrs: number | undefined;
}

const SECTION = /^\[(.*)\]$/;
/** The name of a brick may hold dots and slashes; the end is told from the right. */
const INODE_SECTION = /^conn\.(\d+)\.bound_xl\.(.*)\.(?:active|lru)\.\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MEMORY_SECTION = /^(\S+\/\S+?)\.(.*) - Memory usage$/;
const SETXATTR_SAMPLES = /^(.*)\.latency\.SETXATTR=.* CNT:(\d+) /;
/** ia_type as gluster numbers it; nothing else takes space that is counted. */
const REGULAR = '1';
const DIRECTORY = '2';
/** Translators of one brick process; more are not looked at. */
const MAX_TRANSLATORS = 256;

export class InodeTableReader {
  readonly #brickName: string;
  readonly #take: (inode: CachedInode) => void;
  /** The connection under which the table was first shown; a table may be shown once for each. */
  #connection: string | undefined;
  #hasTable = false;
  #inodes = 0;
  #current: Map<string, string> | undefined;
  /** In the order of the dump, which is top down. */
  readonly #translators: { type: string; name: string }[] = [];
  readonly #setxattrs = new Map<string, number>();

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
    else if (line.includes('.latency.SETXATTR=')) this.#sawSamples(line);
  }

  end(): DumpSummary {
    this.#close();
    return { hasTable: this.#hasTable, inodes: this.#inodes, swallowedSetxattrs: this.#swallowed() };
  }

  #open(section: string): void {
    const inode = INODE_SECTION.exec(section);
    if (inode !== null) {
      const [, connection, name] = inode;
      if (name !== this.#brickName) return;
      this.#connection ??= connection;
      if (connection === this.#connection) this.#current = new Map();
      return;
    }
    const memory = MEMORY_SECTION.exec(section);
    const [, type, name] = memory ?? [];
    if (type === undefined || name === undefined || this.#translators.length >= MAX_TRANSLATORS) return;
    this.#translators.push({ type, name });
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
    this.#inodes += 1;
    this.#take({
      gfid,
      namespace: namespace !== undefined && UUID.test(namespace) ? namespace : undefined,
      isDirectory: type === DIRECTORY,
    });
  }

  /** `conn.0.bound_xl.<name>.active_size=9` stands above the table, also when that is empty. */
  #sawTable(line: string): void {
    if (/^conn\.\d+\.bound_xl\./.test(line) && line.includes(`.bound_xl.${this.#brickName}.active_size=`)) {
      this.#hasTable = true;
    }
  }

  #sawSamples(line: string): void {
    const [, name, count] = SETXATTR_SAMPLES.exec(line) ?? [];
    if (name !== undefined && this.#setxattrs.size < MAX_TRANSLATORS) this.#setxattrs.set(name, Number(count));
  }

  #swallowed(): number | undefined {
    const at = this.#translators.findLastIndex(({ type }) => type === 'features/simple-quota');
    const quota = this.#translators[at];
    const below = this.#translators[at + 1];
    if (quota === undefined || below === undefined) return undefined;
    return Math.max(0, (this.#setxattrs.get(quota.name) ?? 0) - (this.#setxattrs.get(below.name) ?? 0));
  }
}
