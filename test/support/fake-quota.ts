import type { Inventory, Refusal } from '../../src/brick/pv-inventory.ts';
import type {
  BackendChange,
  BackendClaim,
  BackendQuota,
  BackendRead,
  BackendWrite,
} from '../../src/brick/quota-xattrs.ts';
import { AgentError } from '../../src/lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../../src/lib/gfid.ts';
import type { QuotaStatfs } from '../../src/quota/live-limit.ts';
import type { QuotaBackend, QuotaBrick } from '../../src/quota/ports.ts';

const BLOCK = 4096n;

/** One PV directory of the model: what is on disk, and what the running brick has in memory. */
interface Directory {
  gfid: Gfid;
  disk: { namespace: boolean; limit: bigint | undefined; record: string | undefined; size: bigint | undefined };
  live: { namespace: boolean; limit: bigint; used: bigint } | undefined;
  hasEntries: boolean;
}

/**
 * A model of one 11.1 brick as far as quota sees it: limits are loaded from disk at the first look-up after a start only, a
 * limit needs a namespace, STATFS caps at the limit, and a limit is never forgotten while the brick runs.
 */
export class FakeBrick implements QuotaBackend, QuotaBrick {
  isUp = true;
  generation = 1;
  hasSimpleQuota: boolean | undefined = true;
  readonly calls: string[] = [];
  readonly directories = new Map<string, Directory>();
  readonly kadalu = new Map<string, bigint>();
  refusals: Refusal[] = [];
  /** Of subvol/ab/cd, as the disk tells. */
  parentGfid: Gfid | undefined = '22222222-2222-4222-8222-000000000002';
  /** Whether the file system tells which directories were touched. */
  isWatched = false;
  readonly #readAs = new Map<string, string>();
  #made = 0;
  /** Thrown by the next calls of that name, until deleted. */
  readonly failures = new Map<string, Error>();

  addPv(pv: string, options: { kadaluBytes?: bigint; hasEntries?: boolean } = {}): Directory {
    const path = `subvol/ab/cd/${pv}`;
    const number = (this.#made += 1).toString(16).padStart(12, '0');
    const directory: Directory = {
      gfid: `11111111-1111-4111-8111-${number}`,
      disk: { namespace: false, limit: undefined, record: undefined, size: undefined },
      live: undefined,
      hasEntries: options.hasEntries ?? false,
    };
    this.directories.set(path, directory);
    if (options.kadaluBytes !== undefined) this.kadalu.set(pv, options.kadaluBytes);
    return directory;
  }

  at(pv: string): Directory {
    const directory = this.directories.get(`subvol/ab/cd/${pv}`);
    if (directory === undefined) throw new Error(`no ${pv}`);
    return directory;
  }

  /** A new process: nothing is in memory. */
  restart(): void {
    this.generation += 1;
    for (const directory of this.directories.values()) directory.live = undefined;
  }

  async inventory(): Promise<Inventory> {
    this.#called('inventory');
    const places = [...this.directories.keys()].map((path) => {
      const pv = path.split('/').at(-1) ?? '';
      return { pv, path, kadaluBytes: this.kadalu.get(pv) };
    });
    return { places, refusals: this.refusals };
  }

  async read(paths: readonly string[], _signal?: AbortSignal, closely = false): Promise<BackendRead[]> {
    this.#called('read');
    return paths.map((path) => {
      const directory = this.directories.get(path);
      this.#readAs.set(path, attributes(directory));
      if (directory === undefined) return { path, kind: 'missing' };
      return { path, kind: 'present', quota: this.#quotaOf(path, directory, closely) };
    });
  }

  #quotaOf(path: string, { disk, gfid, hasEntries }: Directory, closely: boolean): BackendQuota {
    return {
      path,
      gfid,
      namespace: disk.namespace,
      limitBytes: disk.limit,
      sizeBytes: disk.size,
      adopting: false,
      record: disk.record,
      hasEntries: closely ? hasEntries : undefined,
      parentGfid: closely ? this.parentGfid : undefined,
    };
  }

  async readOrWrite(claims: readonly BackendClaim[], signal?: AbortSignal, closely = false): Promise<BackendRead[]> {
    const isBare = ({ path }: BackendChange): boolean => {
      const disk = this.directories.get(path)?.disk;
      if (disk === undefined) return false;
      return !disk.namespace && [disk.limit, disk.size, disk.record].every((value) => value === undefined);
    };
    const bare = claims.filter((claim) => isBare(claim));
    if (bare.length > 0) await this.write(bare, signal);
    const written = new Set(bare.map(({ path }) => path));
    const paths = claims.map(({ path }) => path);
    const reads = await this.read(paths, signal, closely);
    for (const read of reads) if (read.kind === 'present' && written.has(read.path)) read.written = true;
    return reads;
  }

  async touched(paths: readonly string[]): Promise<number[]> {
    return paths.flatMap((path, index) => {
      const isStill = this.isWatched && this.#readAs.get(path) === attributes(this.directories.get(path));
      return isStill ? [] : [index];
    });
  }

  async write(changes: readonly BackendChange[], _signal?: AbortSignal, closely = false): Promise<BackendWrite[]> {
    this.#called('write');
    return changes.map((change) => {
      const directory = this.directories.get(change.path);
      if (directory === undefined) return { path: change.path, kind: 'failed', message: 'ENOENT' };
      if (change.limitBytes !== undefined) directory.disk.limit = change.limitBytes ?? undefined;
      if (change.sizeBytes !== undefined) directory.disk.size = change.sizeBytes;
      if (change.namespace === true) directory.disk.namespace = true;
      if (change.record !== undefined) directory.disk.record = change.record ?? undefined;
      return { path: change.path, kind: 'written', quota: this.#quotaOf(change.path, directory, closely) };
    });
  }

  async lookup(parent: Gfid, name: string): Promise<Gfid | undefined> {
    this.#called('lookup');
    if (parent === ROOT_GFID) return '22222222-2222-4222-8222-000000000001';
    const directory = this.directories.get(`subvol/ab/cd/${name}`);
    if (directory === undefined)
      return ['ab', 'cd'].includes(name) ? '22222222-2222-4222-8222-000000000002' : undefined;
    directory.live ??= {
      namespace: directory.disk.namespace,
      limit: directory.disk.namespace ? (directory.disk.limit ?? 0n) : 0n,
      used: directory.disk.size ?? 0n,
    };
    return directory.gfid;
  }

  async statfs(gfid: Gfid): Promise<QuotaStatfs> {
    this.#called('statfs');
    const live = this.#live(gfid);
    if (!live.namespace || live.limit === 0n) {
      return { blockSize: BLOCK, blocks: 1_000_000n, free: 900_000n, simpleQuota: false };
    }
    const blocks = live.limit / BLOCK + 1n;
    const free = blocks - live.used / BLOCK;
    return { blockSize: BLOCK, blocks, free: free > 0n ? free : 0n, simpleQuota: true };
  }

  async statfsEach(gfids: readonly Gfid[]): Promise<(QuotaStatfs | undefined)[]> {
    this.#called('statfsEach');
    return await Promise.all(gfids.map(async (gfid) => await this.statfs(gfid).catch(() => undefined)));
  }

  async makeNamespace(gfid: Gfid): Promise<void> {
    this.#called('makeNamespace');
    this.#live(gfid).namespace = true;
    this.#disk(gfid).namespace = true;
  }

  async setLimit(gfid: Gfid, limitBytes: bigint): Promise<void> {
    this.#called('setLimit');
    const live = this.#live(gfid);
    if (!live.namespace) throw new AgentError('GlusterError', 'EPERM');
    live.limit = limitBytes;
    this.#disk(gfid).limit = limitBytes;
  }

  #called(name: string): void {
    this.calls.push(name);
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
  }

  #live(gfid: Gfid): NonNullable<Directory['live']> {
    const directory = [...this.directories.values()].find((candidate) => candidate.gfid === gfid);
    if (directory?.live === undefined) throw new AgentError('GlusterError', 'ESTALE: not looked up by name');
    return directory.live;
  }

  #disk(gfid: Gfid): Directory['disk'] {
    const directory = [...this.directories.values()].find((candidate) => candidate.gfid === gfid);
    if (directory === undefined) throw new Error('no such gfid');
    return directory.disk;
  }
}

function attributes(directory: Directory | undefined): string {
  const { namespace, limit, record, size } = directory?.disk ?? {};
  return [namespace, limit, record, size].join();
}
