/** Connects quota's ports to the brick worker and to the wire client. */
import type { Inventory } from '../brick/pv-inventory.ts';
import {
  SIZE_XATTR,
  type BackendChange,
  type BackendClaim,
  type BackendRead,
  type BackendWrite,
} from '../brick/quota-xattrs.ts';
import type { BrickWorker } from '../brick/worker/client.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import { silentLog, type Log } from '../lib/log.ts';
import { sharedBigint } from '../lib/shared-bigint.ts';
import type { QuotaStatfs } from '../quota/live-limit.ts';
import type { QuotaBackend, QuotaBrick } from '../quota/ports.ts';
import type { UsageBrick } from '../quota/usage-teller.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import { gfxIntegerOf, gfxText } from '../rpc/gfx-dict.ts';

/** PVs in one message to the worker: at some 30 µs each no other call waits for long behind it. */
const BATCH = 500;

export class WorkerQuotaBackend implements QuotaBackend {
  readonly #worker: BrickWorker;
  readonly #readKadalu: boolean;
  readonly #place: () => string | undefined;
  readonly #log: Log;
  /** As last logged. */
  #unwatched: string | undefined;
  #version: number | undefined;
  #inventory: Inventory = { places: [], refusals: [] };

  /** @param place `device:inode` of the proven brick; the worker writes nowhere else */
  constructor(worker: BrickWorker, readKadalu: boolean, place: () => string | undefined, log: Log = silentLog) {
    this.#worker = worker;
    this.#log = log;
    this.#readKadalu = readKadalu;
    this.#place = place;
  }

  async inventory(signal: AbortSignal): Promise<Inventory> {
    const input = { readKadalu: this.#readKadalu, known: this.#version };
    const { version, inventory, unwatched } = await this.#worker.call('inventory', input, { signal });
    if (unwatched !== undefined && unwatched !== this.#unwatched) {
      this.#log.warn(
        { reason: unwatched },
        'not all that PVs are made of is watched: the rest is looked at in each pass',
      );
    }
    this.#unwatched = unwatched;
    // A restarted worker counts anew and sends the whole; an unchanged version means that nothing has changed.
    if (inventory !== undefined) this.#inventory = inventory;
    this.#version = version;
    return this.#inventory;
  }

  async read(paths: readonly string[], signal: AbortSignal, closely = false): Promise<BackendRead[]> {
    return await inBatches(
      paths,
      (path) => path,
      async (batch) => await this.#worker.call('readQuotas', { paths: batch, closely }, { signal }),
    );
  }

  async readOrWrite(claims: readonly BackendClaim[], signal: AbortSignal, closely = false): Promise<BackendRead[]> {
    const place = this.#provenPlace();
    return await inBatches(
      claims,
      pathOf,
      async (batch) => await this.#worker.call('readOrWriteQuotas', { place, claims: batch, closely }, { signal }),
    );
  }

  async touched(paths: readonly string[], signal: AbortSignal): Promise<number[]> {
    return await this.#worker.call('touched', { paths }, { signal });
  }

  async write(changes: readonly BackendChange[], signal: AbortSignal, closely = false): Promise<BackendWrite[]> {
    const place = this.#provenPlace();
    return await inBatches(
      changes,
      pathOf,
      async (batch) => await this.#worker.call('writeQuotas', { place, changes: batch, closely }, { signal }),
    );
  }

  #provenPlace(): string {
    const place = this.#place();
    if (place === undefined) throw new AgentError('BrickFenced', 'the brick is fenced');
    return place;
  }
}

export class WireQuotaBrick implements QuotaBrick {
  readonly #client: BrickClient;

  constructor(client: BrickClient) {
    this.#client = client;
  }

  get isUp(): boolean {
    return this.#client.isUp;
  }

  get generation(): number {
    return this.#client.generation;
  }

  get hasSimpleQuota(): boolean | undefined {
    const { majorVersion } = this.#client;
    return majorVersion === undefined ? undefined : majorVersion === '11';
  }

  async lookup(parent: Gfid, name: string, signal: AbortSignal): Promise<Gfid | undefined> {
    return (await this.#client.lookup(parent, name, { pid: PID.quotaHelper, signal }))?.iatt.gfid;
  }

  async statfs(gfid: Gfid, signal: AbortSignal): Promise<QuotaStatfs> {
    return keptStatfs(await this.#client.statfs(gfid, { pid: PID.quotaHelper, signal }));
  }

  async statfsEach(gfids: readonly Gfid[], width: number, signal: AbortSignal): Promise<(QuotaStatfs | undefined)[]> {
    const answers = await this.#client.statfsEach(gfids, { pid: PID.quotaHelper, width, signal });
    return answers.map((answer) => (isAgentError(answer) ? undefined : keptStatfs(answer)));
  }

  async makeNamespace(gfid: Gfid, signal: AbortSignal): Promise<void> {
    const values = new Map([['trusted.glusterfs.namespace', gfxText('true')]]);
    await this.#client.setXattr(gfid, values, { pid: PID.quotaHelper, signal });
  }

  async setLimit(gfid: Gfid, limitBytes: bigint, signal: AbortSignal): Promise<void> {
    const values = new Map([['trusted.gfs.squota.limit', gfxText(limitBytes.toString())]]);
    await this.#client.setXattr(gfid, values, { pid: PID.quotaHelper, signal });
  }
}

export class WireUsageBrick implements UsageBrick {
  readonly #client: BrickClient;

  constructor(client: BrickClient) {
    this.#client = client;
  }

  get isUp(): boolean {
    return this.#client.isUp;
  }

  get generation(): number {
    return this.#client.generation;
  }

  async statfs(gfid: Gfid, signal: AbortSignal): Promise<QuotaStatfs> {
    return await this.#client.statfs(gfid, { pid: PID.quotaHelper, signal });
  }

  async flushedSize(gfid: Gfid, signal: AbortSignal): Promise<bigint | undefined> {
    const value = await this.#client.getXattr(gfid, SIZE_XATTR, { pid: PID.quotaHelper, signal });
    return gfxIntegerOf(value);
  }

  async tellUsage(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<void> {
    const values = new Map([['glusterfs.quota.total-usage', gfxText(bytes.toString())]]);
    await this.#client.setXattr(gfid, values, { pid: PID.quotaHelper, signal });
  }
}

/** What there is to keep of an answer, for each PV. */
function keptStatfs({ blockSize, blocks, free, simpleQuota }: QuotaStatfs): QuotaStatfs {
  return { blockSize: sharedBigint(blockSize), blocks: sharedBigint(blocks), free: sharedBigint(free), simpleQuota };
}

/**
 * One message after the other, answers in the order of the items. A message brings texts of its own, and the answers are kept: so they are
 * given the items' own paths.
 */
async function inBatches<T, A extends BackendRead | BackendWrite>(
  items: readonly T[],
  pathOfItem: (item: T) => string,
  call: (batch: readonly T[]) => Promise<A[]>,
): Promise<A[]> {
  const all: A[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    const batch = items.slice(start, start + BATCH);
    const answers = await call(batch);
    for (const [index, item] of batch.entries()) {
      const answer = answers[index];
      if (answer === undefined)
        throw new AgentError('Internal', 'the worker has answered for fewer PVs than it was asked for');
      answer.path = pathOfItem(item);
      if ('quota' in answer) answer.quota.path = answer.path;
      all.push(answer);
    }
  }
  return all;
}

function pathOf({ path }: { path: string }): string {
  return path;
}
