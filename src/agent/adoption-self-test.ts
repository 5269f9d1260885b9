/** Whether this brick process does to a scratch directory what an adoption needs of it. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { PvDirectory } from '../brick/pv-directories.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { AuditTarget } from '../quota/audit.ts';
import { showsLimit } from '../quota/live-limit.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import type { FopOptions } from '../rpc/brick-fops.ts';
import { PID } from '../rpc/credential.ts';
import { gfxText } from '../rpc/gfx-dict.ts';
import type { MkdirInput } from '../rpc/programs/directory.ts';

/** No PV has this limit, in bytes, so what shows it counts for the scratch directory. */
const SCRATCH_LIMIT = 2n ** 49n;
const SCRATCH_NAME = /^\.kq-t-[0-9a-f]{8}$/;
const OWNER_ONLY = 0o700;

/** What of BrickClient the test needs. */
export interface ScratchBrick extends Pick<BrickClient, 'generation' | 'rmdir' | 'setXattr' | 'statfs' | 'unlink'> {
  lookup(parent: Gfid, name: string, options: FopOptions): Promise<{ iatt: { gfid: Gfid } } | undefined>;
  mkdir(input: MkdirInput, options: FopOptions): Promise<unknown>;
  mknod(input: MkdirInput, options: FopOptions): Promise<unknown>;
}

export interface SelfTestPorts {
  brick: ScratchBrick;
  /** As an adoption does it. */
  moveDirectory: (directory: PvDirectory, signal: AbortSignal) => Promise<boolean>;
  moveFile: (path: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Once in each brick process, in the PV's directory while its names are locked on all bricks: a directory and a file in a scratch
 * directory, which then becomes a namespace. Both must count for the PV before they are moved and for the scratch directory after.
 * It takes some milliseconds, costs the PV nothing, and leaves nothing but an inode in the brick's memory.
 */
export class AdoptionSelfTest {
  readonly #ports: SelfTestPorts;
  #provenIn = -1;

  constructor(ports: SelfTestPorts) {
    this.#ports = ports;
  }

  /** @throws AgentError `NotSupported` when it came out otherwise, and as the brick */
  async run(target: AuditTarget, signal: AbortSignal): Promise<void> {
    const { generation } = this.#ports.brick;
    if (generation === this.#provenIn) return;
    const name = `.kq-t-${randomBytes(4).toString('hex')}`;
    try {
      await this.#prove(target, name, signal);
    } finally {
      // Also when the agent is about to stop.
      await this.#remove(target.gfid, name);
    }
    this.#provenIn = generation;
  }

  /** What an agent has left that was killed in the middle. */
  async sweep(target: AuditTarget, directories: readonly PvDirectory[]): Promise<void> {
    for (const { parent, name } of directories) {
      if (parent === target.gfid && SCRATCH_NAME.test(name)) await this.#remove(target.gfid, name);
    }
  }

  async #prove(target: AuditTarget, name: string, signal: AbortSignal): Promise<void> {
    const { brick, moveDirectory, moveFile } = this.#ports;
    const options = { pid: PID.quotaHelper, signal };
    const [scratch, directory, file] = [randomUUID(), randomUUID(), randomUUID()];
    await brick.mkdir({ parent: target.gfid, name, mode: OWNER_ONLY, gfid: scratch }, options);
    await brick.mkdir({ parent: scratch, name: 'd', mode: OWNER_ONLY, gfid: directory }, options);
    await brick.mknod({ parent: scratch, name: 'f', mode: OWNER_ONLY, gfid: file }, options);
    await brick.setXattr(scratch, new Map([['trusted.glusterfs.namespace', gfxText('true')]]), options);
    await brick.setXattr(scratch, new Map([['trusted.gfs.squota.limit', gfxText(String(SCRATCH_LIMIT))]]), options);
    const counts = async (gfid: Gfid): Promise<boolean> => showsLimit(await brick.statfs(gfid, options), SCRATCH_LIMIT);
    const expect = async (what: string, gfid: Gfid, wanted: boolean): Promise<void> => {
      if ((await counts(gfid)) === wanted) return;
      const found = wanted ? 'does not count for its new namespace' : 'counted for a new namespace by itself';
      throw new AgentError('NotSupported', `the self-test in a scratch directory failed: ${what} ${found}`);
    };
    await expect('the scratch directory', scratch, true);
    await expect('a directory', directory, false);
    await expect('a file', file, false);
    await moveDirectory({ parent: scratch, name: 'd', gfid: directory, depth: 2 }, signal);
    await expect('a directory renamed onto itself', directory, true);
    await moveFile(`${Buffer.from(target.path, 'utf8').toString('latin1')}/${name}/f`, signal);
    await expect('a file with a second name', file, true);
  }

  async #remove(parent: Gfid, name: string): Promise<void> {
    const { brick } = this.#ports;
    const options = { pid: PID.quotaHelper };
    const gfid = (await brick.lookup(parent, name, options))?.iatt.gfid;
    if (gfid === undefined) return;
    await brick.unlink(gfid, 'f', options);
    await brick.rmdir(gfid, 'd', options);
    await brick.rmdir(parent, name, options).catch((error: unknown) => {
      // A client has put something into it: not ours to take away.
      if (!isAgentError(error, 'GlusterError')) throw error;
    });
  }
}
