/** Connects the quota guard to the wire client. */
import { AgentError, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { decimal } from '../brick/quota-xattrs.ts';
import type { GuardBrick } from '../quota/guard.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import { gfxBytesOf, gfxText } from '../rpc/gfx-dict.ts';
import { WireQuotaBrick } from './quota-adapters.ts';

/** Means "no descriptor, by gfid" to a brick. */
const ANONYMOUS_FD = -2n;

export class WireGuardBrick extends WireQuotaBrick implements GuardBrick {
  readonly #client: BrickClient;

  constructor(client: BrickClient) {
    super(client);
    this.#client = client;
  }

  async flushedBytes(gfid: Gfid, signal: AbortSignal): Promise<bigint | undefined> {
    const value = await this.#client.getXattr(gfid, 'trusted.gfs.squota.size', { pid: PID.quotaHelper, signal });
    const bytes = decimal(gfxBytesOf(value));
    return typeof bytes === 'bigint' ? bytes : undefined;
  }

  /**
   * FALLOCATE on a directory: simple-quota judges it by the directory's namespace before posix can say that a directory is no
   * file, so it is refused either way and the errno tells by whom; to the byte (measured on 11.1).
   */
  async wouldRefuse(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<boolean> {
    const directory = { gfid, fd: ANONYMOUS_FD, generation: this.#client.generation };
    try {
      await this.#client.fallocate(directory, { offset: 0n, size: bytes }, { pid: PID.quotaHelper, signal });
    } catch (error) {
      if (!isAgentError(error, 'GlusterError')) throw error;
      const errno = error.details?.['errnoName'];
      if (errno === 'EDQUOT') return true;
      if (errno === 'EBADF' || errno === 'EISDIR') return false;
      throw error;
    }
    throw new AgentError('RpcProtocol', `the brick allocated ${bytes} bytes in the directory ${gfid}`);
  }

  async setChecks(on: boolean, signal: AbortSignal): Promise<void> {
    await this.#send(ROOT_GFID, 'glusterfs.quota.disable-check', on ? '0' : '1', signal);
  }

  async tellUsage(gfid: Gfid, bytes: bigint, signal: AbortSignal): Promise<void> {
    await this.#send(gfid, 'glusterfs.quota.total-usage', bytes.toString(), signal);
  }

  async #send(gfid: Gfid, key: string, value: string, signal: AbortSignal): Promise<void> {
    await this.#client.setXattr(gfid, new Map([[key, gfxText(value)]]), { pid: PID.quotaHelper, signal });
  }
}
