/**
 * Takes out of a statedump of a brick who uses which of its inodes: open file handles, and locks of clients. The locks of an inode stand
 * right behind it (measured on 11.1), under a path that a tenant may have given any form, which can make an inode look used and never
 * unused.
 */
import type { Gfid } from '../lib/gfid.ts';

const INODE_SECTION = /^\[conn\.(\d+)\.bound_xl\.(.*)\.(?:active|lru)\.\d+\]$/;
const LOCKS_SECTION = /^\[xlator\.features\.locks\..*\.inode\]$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** `inodelk.inodelk[0](ACTIVE)=type=WRITE, whence=0, start=0, len=0, pid = 30218, owner=…`; one that is asked for is BLOCKED. */
const LOCK = /^(?:inodelk|entrylk|posixlk)\.(?:inodelk|entrylk|posixlk)\[\d+\]\((?:ACTIVE|BLOCKED)\)=/;
/** Self-heal and what else is of Gluster has a pid below zero, which is printed without its sign. */
const OWN_PID = 2n ** 63n;

export interface InodeUse {
  /** Open file handles; how they were opened a dump does not tell. */
  handles: number;
  /** Locks that clients hold or wait for. */
  locks: number;
}

export class InodeUseReader {
  readonly #brickName: string;
  readonly #found = new Map<Gfid, InodeUse>();
  #connection: string | undefined;
  #hasTable = false;
  #part: 'inode' | 'locks' | undefined;
  #gfid: Gfid | undefined;

  /** @param brickName name of the brick volume below protocol/server */
  constructor(brickName: string) {
    this.#brickName = brickName;
  }

  line(line: string): void {
    if (line.startsWith('[')) this.#section(line);
    else if (this.#part === 'inode') this.#field(line);
    else if (this.#part === 'locks') {
      if (LOCK.test(line) && !isOwn(line)) this.#note({ locks: 1 });
    } else if (/^conn\.\d+\.bound_xl\./.test(line) && line.includes(`.bound_xl.${this.#brickName}.active_size=`)) {
      this.#hasTable = true;
    }
  }

  /** Those that are used, at most as many as the brick has files open; undefined: the dump had no inode table. */
  end(): ReadonlyMap<Gfid, InodeUse> | undefined {
    return this.#hasTable ? this.#found : undefined;
  }

  #section(line: string): void {
    const [, connection, name] = INODE_SECTION.exec(line) ?? [];
    if (connection !== undefined && name === this.#brickName) {
      this.#hasTable = true;
      // The table is shown once for each connection.
      this.#connection ??= connection;
      this.#part = connection === this.#connection ? 'inode' : undefined;
      this.#gfid = undefined;
    } else this.#part = this.#part !== undefined && LOCKS_SECTION.test(line) ? 'locks' : undefined;
  }

  #field(line: string): void {
    const at = line.indexOf('=');
    const value = line.slice(at + 1);
    if (line.startsWith('gfid=')) this.#gfid = UUID.test(value) ? value : undefined;
    else if (line.startsWith('fd-count=') && /^[1-9]\d{0,8}$/.test(value)) this.#note({ handles: Number(value) });
  }

  #note({ handles = 0, locks = 0 }: Partial<InodeUse>): void {
    if (this.#gfid === undefined) return;
    const before = this.#found.get(this.#gfid) ?? { handles: 0, locks: 0 };
    this.#found.set(this.#gfid, { handles: Math.max(before.handles, handles), locks: before.locks + locks });
  }
}

/** In doubt, as with a name that has the form of a pid, it is a client's. */
function isOwn(line: string): boolean {
  const pids = [...line.matchAll(/\bpid = (\d{1,20})\b/g)].map(([, pid]) => BigInt(pid ?? 0));
  return pids.length > 0 && pids.every((pid) => pid >= OWN_PID);
}
