/** What a bound connection to a brick can be asked, by gfid. How the call gets there is the subclass's business. */
import { AgentError, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { KeyTurns } from '../lib/key-turns.ts';
import { PID } from './credential.ts';
import type { GfxDict, GfxValue } from './gfx-dict.ts';
import type { Iatt } from './iatt.ts';
import {
  mkdir,
  opendir,
  readdir,
  releasedir,
  rmdir,
  type DirectoryEntry,
  type MkdirInput,
  type ReaddirPage,
} from './programs/directory.ts';
import { entrylk } from './programs/entrylk.ts';
import {
  create,
  ftruncate,
  mknod,
  open,
  release,
  rename,
  unlink,
  type CreateInput,
  type RenameInput,
} from './programs/file.ts';
import { lookup, type LookupReply } from './programs/lookup.ts';
import type { Procedure } from './programs/procedure.ts';
import { discard, fallocate, zerofill } from './programs/range.ts';
import { stat } from './programs/stat.ts';
import { statfs, type Statfs } from './programs/statfs.ts';
import { getXattr, removeXattr, setXattr, xattrop, type SetXattrInput, type XattropInput } from './programs/xattr.ts';

/** Some thousand names; larger pages only make the brick's answers arrive in lumps. */
const READDIR_BYTES = 128 * 1024;

export interface FopOptions {
  /** Pid in the credential; see PID. */
  pid: number;
  signal?: AbortSignal | undefined;
  /** Milliseconds. */
  timeoutMs?: number | undefined;
  /** Who holds or asks for a lock. */
  lockOwner?: Uint8Array | undefined;
}

/** An open file or directory on the brick. It ends with the connection; a later one gives the same number to another file. */
export interface BrickFd {
  readonly gfid: Gfid;
  readonly fd: bigint;
  readonly generation: number;
}

/**
 * Every method throws AgentError `RpcDisconnected`, `Timeout`, `Aborted`, `RpcRejected`, `RpcProtocol`, or `GlusterError` with
 * `details.errno` and `details.errnoName`.
 */
export abstract class BrickFops {
  /**
   * A STATFS of the quota helper makes simple-quota add what was written to what stood there and store the sum, in two steps with no lock around both
   * (its source, 11.1): of two at once for one directory, one sum may be lost. The quota pass, the guard, scans, repairs and flushes before a
   * stop ask on their own account, so here they take turns. One that was given up for its time or by its caller may still be at work in the brick.
   */
  readonly #flushes = new KeyTurns<Gfid>();

  abstract get generation(): number;

  protected abstract invoke<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    options: FopOptions,
  ): Promise<Output>;

  protected abstract invokeEach<Input, Output>(
    procedure: Procedure<Input, Output>,
    inputs: readonly Input[],
    options: FopOptions & { width: number },
  ): Promise<(Output | AgentError)[]>;

  /** A named LOOKUP, the only one that makes a brick load a directory's quota. undefined when there is no such entry. */
  async lookup(parent: Gfid, name: string | Buffer, options: FopOptions): Promise<LookupReply | undefined> {
    return await this.invoke(lookup, { parent, name }, options);
  }

  /** @param xattrs names of xattrs to bring along */
  async lookupGfid(gfid: Gfid, xattrs: readonly string[], options: FopOptions): Promise<LookupReply | undefined> {
    return await this.invoke(lookup, { gfid, xattrs }, options);
  }

  /** Looks up one component after the other from the root. */
  async resolvePath(names: readonly string[], options: FopOptions): Promise<LookupReply | undefined> {
    let reply = await this.lookupGfid(ROOT_GFID, [], options);
    for (const name of names) {
      if (reply === undefined) return undefined;
      reply = await this.lookup(reply.iatt.gfid, name, options);
    }
    return reply;
  }

  /** undefined when there is no such object. */
  async stat(gfid: Gfid, options: FopOptions): Promise<Iatt | undefined> {
    return await this.invoke(stat, gfid, options);
  }

  async statfs(gfid: Gfid, options: FopOptions): Promise<Statfs> {
    return await this.#flush([gfid], options, async () => await this.invoke(statfs, gfid, options));
  }

  /** In the order of the gfids; a `GlusterError` in the place of an answer. `width`: how many are asked for at a time. */
  async statfsEach(gfids: readonly Gfid[], options: FopOptions & { width: number }): Promise<(Statfs | AgentError)[]> {
    // The same one twice would be at once, too: asked once, it has one answer.
    const each = [...new Set(gfids)];
    const answers = await this.#flush(each, options, async () => await this.invokeEach(statfs, each, options));
    if (each.length === gfids.length) return answers;
    const byGfid = new Map(each.map((gfid, index) => [gfid, answers[index]]));
    return gfids.map((gfid) => byGfid.get(gfid) ?? new AgentError('Internal', `no answer for ${gfid}`));
  }

  async #flush<T>(gfids: readonly Gfid[], { pid, signal }: FopOptions, work: () => Promise<T>): Promise<T> {
    return pid === PID.quotaHelper ? await this.#flushes.run(gfids, work, signal) : await work();
  }

  /** undefined when it is not there. */
  async getXattr(gfid: Gfid, name: string, options: FopOptions): Promise<GfxValue | undefined> {
    if (name === '') throw new AgentError('BadRequest', 'an xattr has a name');
    return (await this.invoke(getXattr, { gfid, name }, options))?.get(name);
  }

  /** All but `trusted.gfid` and `trusted.glusterfs.volume-id`, which the brick keeps to itself. */
  async listXattrs(gfid: Gfid, options: FopOptions): Promise<GfxDict> {
    return (await this.invoke(getXattr, { gfid, name: '' }, options)) ?? new Map();
  }

  async setXattr(
    gfid: Gfid,
    values: GfxDict,
    { mode = 'set', ...options }: FopOptions & Pick<SetXattrInput, 'mode'>,
  ): Promise<void> {
    await this.invoke(setXattr, { gfid, values, mode }, options);
  }

  /** Removing what is not there is fine. */
  async removeXattr(gfid: Gfid, name: string, options: FopOptions): Promise<void> {
    await this.invoke(removeXattr, { gfid, name }, options);
  }

  /** Answers the resulting values. */
  async xattrop(input: XattropInput, options: FopOptions): Promise<GfxDict> {
    return await this.invoke(xattrop, input, options);
  }

  async mkdir(input: MkdirInput, options: FopOptions): Promise<Iatt> {
    return await this.invoke(mkdir, input, options);
  }

  /** False when there was no such name. */
  async rmdir(parent: Gfid, name: string, options: FopOptions): Promise<boolean> {
    return await this.invoke(rmdir, { parent, name }, options);
  }

  async opendir(gfid: Gfid, options: FopOptions): Promise<BrickFd> {
    return this.#opened(gfid, async () => await this.invoke(opendir, gfid, options));
  }

  /** @param offset 0n, or that of the last entry seen */
  async readdir(fd: BrickFd, offset: bigint, options: FopOptions): Promise<ReaddirPage> {
    return await this.invoke(readdir, { ...this.#valid(fd), offset, size: READDIR_BYTES }, options);
  }

  async releasedir(fd: BrickFd, options: FopOptions): Promise<void> {
    await this.invoke(releasedir, this.#valid(fd), options);
  }

  /** Every entry of a directory, `.` and `..` included, page by page. */
  async *entries(gfid: Gfid, options: FopOptions): AsyncGenerator<DirectoryEntry, void> {
    const fd = await this.opendir(gfid, options);
    try {
      let offset = 0n;
      for (;;) {
        const page = await this.readdir(fd, offset, options);
        yield* page.entries;
        const last = page.entries.at(-1);
        if (last === undefined || page.isLast) return;
        if (last.offset === offset) throw new AgentError('RpcProtocol', `listing of ${gfid} does not advance`);
        offset = last.offset;
      }
    } finally {
      // Also for a caller that gave up. When it fails, the descriptor ends with the connection, and the reason why the listing
      // ended must not be hidden by this one.
      await this.releasedir(fd, { pid: options.pid }).catch(() => undefined);
    }
  }

  async create(input: CreateInput, options: FopOptions): Promise<BrickFd> {
    return this.#opened(input.gfid, async () => (await this.invoke(create, input, options)).fd);
  }

  /** A regular file without a descriptor. */
  async mknod(input: Omit<CreateInput, 'flags'>, options: FopOptions): Promise<Iatt> {
    return await this.invoke(mknod, input, options);
  }

  /** @param flags as in open(2) */
  async open(gfid: Gfid, flags: number, options: FopOptions): Promise<BrickFd> {
    return this.#opened(gfid, async () => await this.invoke(open, { gfid, flags }, options));
  }

  async release(fd: BrickFd, options: FopOptions): Promise<void> {
    await this.invoke(release, this.#valid(fd), options);
  }

  /** @param size bytes */
  async ftruncate(fd: BrickFd, size: bigint, options: FopOptions): Promise<void> {
    await this.invoke(ftruncate, { ...this.#valid(fd), size }, options);
  }

  /** @param range bytes */
  async fallocate(fd: BrickFd, range: { offset: bigint; size: bigint }, options: FopOptions): Promise<void> {
    await this.invoke(fallocate, { ...this.#valid(fd), ...range }, options);
  }

  /** Punches a hole. @param range bytes */
  async discard(fd: BrickFd, range: { offset: bigint; size: bigint }, options: FopOptions): Promise<void> {
    await this.invoke(discard, { ...this.#valid(fd), ...range }, options);
  }

  /** Allocates and makes it read as zeros. @param range bytes */
  async zerofill(fd: BrickFd, range: { offset: bigint; size: bigint }, options: FopOptions): Promise<void> {
    await this.invoke(zerofill, { ...this.#valid(fd), ...range }, options);
  }

  /** False when there was no such name. */
  async unlink(parent: Gfid, name: string | Buffer, options: FopOptions): Promise<boolean> {
    return await this.invoke(unlink, { parent, name }, options);
  }

  /** False when there was no such name. For directories only where source and target are the same name: see `rename`. */
  async rename(input: RenameInput, options: FopOptions): Promise<boolean> {
    return await this.invoke(rename, input, options);
  }

  /**
   * Locks all names of a directory for writing, or gives them free. See `entrylk`.
   *
   * A lock that was not granted in time costs the connection: the brick would still grant it later, to nobody (measured on
   * 11.1), and only the end of the connection takes it back. Lock over a connection of its own.
   */
  async lockEntries(
    gfid: Gfid,
    domain: string,
    command: 'lock' | 'unlock',
    options: FopOptions & { lockOwner: Uint8Array },
  ): Promise<void> {
    try {
      await this.invoke(entrylk, { gfid, domain, command }, options);
    } catch (error) {
      if (isAgentError(error, 'Timeout', 'Aborted')) this.reset(`ENTRYLK on ${gfid} was given up`);
      throw error;
    }
  }

  /** Ends the connection and everything the brick holds for it. */
  protected abstract reset(why: string): void;

  async #opened(gfid: Gfid, open: () => Promise<bigint>): Promise<BrickFd> {
    const { generation } = this;
    return { gfid, fd: await open(), generation };
  }

  #valid({ gfid, fd, generation }: BrickFd): { gfid: Gfid; fd: bigint } {
    if (generation === this.generation) return { gfid, fd };
    throw new AgentError('RpcDisconnected', `descriptor of ${gfid}: its connection has ended`);
  }
}
