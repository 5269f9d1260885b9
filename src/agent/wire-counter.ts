/** Connects the counter's repair to the wire client. */
import { randomBytes } from 'node:crypto';
import { isAgentError } from '../lib/errors.ts';
import { gfidFromBytes, type Gfid } from '../lib/gfid.ts';
import { decimal, SIZE_XATTR } from '../brick/quota-xattrs.ts';
import type { CounterHelper } from '../quota/counter-shift.ts';
import type { CounterBrick } from '../quota/counter-shifter.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { BrickFd } from '../rpc/brick-fops.ts';
import { PID } from '../rpc/credential.ts';
import { gfxBytesOf } from '../rpc/gfx-dict.ts';
import { WireQuotaBrick } from './quota-adapters.ts';

/** A fixed name, so that one that was left is found by asking for it. */
const HELPER_NAME = '.kq-counter';
/** First bytes of the helpers' gfids (`kqct`); no client of a mount can choose a gfid, so what has them is ours. */
const HELPER_GFID = Buffer.from('kqct', 'latin1');
const O_RDWR = 2;
const OWNER_ONLY = 0o600;
/** Behind the end of any helper, in bytes: a hole there changes nothing. */
const BEHIND_END = { offset: 2n ** 40n, size: 4096n };

export class WireCounterBrick extends WireQuotaBrick implements CounterBrick {
  readonly #client: BrickClient;

  constructor(client: BrickClient) {
    super(client);
    this.#client = client;
  }

  async counter(directory: Gfid, signal: AbortSignal): Promise<bigint | undefined> {
    const options = { pid: PID.quotaHelper, signal };
    if (!(await this.#client.statfs(directory, options)).simpleQuota) return undefined;
    const value = decimal(gfxBytesOf(await this.#client.getXattr(directory, SIZE_XATTR, options)));
    // Nothing was counted yet, so nothing was written.
    return value === undefined ? 0n : value === 'Malformed' ? undefined : value;
  }

  async sweepHelper(directory: Gfid, signal: AbortSignal): Promise<boolean> {
    const options = { pid: PID.quotaHelper, signal };
    const found = await this.#client.lookup(directory, HELPER_NAME, options);
    if (found === undefined || !isHelper(found.iatt.gfid)) return false;
    return await this.#client.unlink(directory, HELPER_NAME, options);
  }

  async openHelper(directory: Gfid, signal: AbortSignal): Promise<CounterHelper> {
    const options = { pid: PID.quotaHelper, signal };
    const gfid = gfidFromBytes(Buffer.concat([HELPER_GFID, randomBytes(16 - HELPER_GFID.length)]));
    const name = await this.#make(directory, gfid, signal);
    try {
      return new WireHelper(this.#client, await this.#client.open(gfid, O_RDWR, options));
    } finally {
      // Whatever has happened, also when the agent is about to stop: the name must go.
      await this.#client.unlink(directory, name, { pid: PID.quotaHelper });
    }
  }

  /** @returns its name: another one where a tenant has taken the usual */
  async #make(directory: Gfid, gfid: Gfid, signal: AbortSignal): Promise<string> {
    const options = { pid: PID.quotaHelper, signal };
    const input = { parent: directory, mode: OWNER_ONLY, gfid };
    try {
      await this.#client.mknod({ ...input, name: HELPER_NAME }, options);
      return HELPER_NAME;
    } catch (error) {
      if (!isAgentError(error, 'GlusterError') || error.details?.['errnoName'] !== 'EEXIST') throw error;
    }
    const name = `.kq-${gfid}`;
    await this.#client.mknod({ ...input, name }, options);
    return name;
  }
}

class WireHelper implements CounterHelper {
  readonly #client: BrickClient;
  readonly #fd: BrickFd;

  constructor(client: BrickClient, fd: BrickFd) {
    this.#client = client;
    this.#fd = fd;
  }

  async fill(bytes: bigint, signal: AbortSignal): Promise<void> {
    await this.#client.zerofill(this.#fd, { offset: 0n, size: bytes }, { pid: PID.quotaHelper, signal });
  }

  async add(signal: AbortSignal): Promise<void> {
    await this.#client.discard(this.#fd, BEHIND_END, { pid: PID.quotaHelper, signal });
  }

  async empty(signal: AbortSignal): Promise<void> {
    await this.#client.ftruncate(this.#fd, 0n, { pid: PID.quotaHelper, signal });
  }

  async close(): Promise<void> {
    // When this fails, the connection has ended, and the file with it.
    await this.#client.release(this.#fd, { pid: PID.quotaHelper }).catch(() => undefined);
  }
}

function isHelper(gfid: Gfid): boolean {
  return gfid.startsWith(HELPER_GFID.toString('hex'));
}
