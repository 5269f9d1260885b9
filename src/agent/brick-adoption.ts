/** Connects an adoption to the wire, the brick worker, the audit and the agents of the other bricks. */
import { randomBytes } from 'node:crypto';
import type { PvDirectory } from '../brick/pv-directories.ts';
import type { BrickWorker } from '../brick/worker/client.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { faultPoint } from '../lib/fault-point.ts';
import type { Gfid } from '../lib/gfid.ts';
import { mapPool } from '../lib/pool.ts';
import type { AdoptResult, AdoptStep } from '../quota/adopter.ts';
import { AuditTally, type AuditResult, type AuditTarget, type PvAudit } from '../quota/audit.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import { AdoptionSelfTest } from './adoption-self-test.ts';
import type { BrickAudit } from './brick-audit.ts';

/** Calls to the brick at the same time; half of what a server reads ahead per connection (64). */
const WIDTH = 32;
const TYPE_MASK = 0o170000;
const DIRECTORY = 0o040000;

export interface BrickAdoptionOptions {
  worker: BrickWorker;
  brick: BrickClient;
  audit: BrickAudit;
  /** All PVs whose limit is live: what counts for one of them needs no look. */
  targets: () => readonly AuditTarget[];
  takeAudits: (audits: ReadonlyMap<Gfid, PvAudit>) => void;
  /** `device:inode` of the proven brick; undefined while it is fenced. */
  place: () => string | undefined;
  /** Has the counter set right. */
  repair: (pv: string) => void;
  now: () => number;
  /** For how long an audit holds, in milliseconds. */
  auditValidMs: number;
}

/** What is done on this brick, whoever leads. */
export class BrickAdoption {
  readonly #options: BrickAdoptionOptions;
  readonly #selfTest: AdoptionSelfTest;

  constructor(options: BrickAdoptionOptions) {
    this.#options = options;
    this.#selfTest = new AdoptionSelfTest({
      brick: options.brick,
      moveDirectory: async (directory, signal) => await this.#moveOne(directory, signal),
      moveFile: async (path, signal) => await this.#moveFile(path, signal),
    });
  }

  /** @throws AgentError `Conflict` when the PV is too large or its limit is not live here, and as worker and brick */
  async step(step: AdoptStep, target: AuditTarget, signal: AbortSignal): Promise<AdoptResult> {
    switch (step) {
      case 'check':
        await this.#selfTest.sweep(target, await this.directories(target, signal));
        await this.#audit(target, signal);
        return { moved: 0, wrong: 0 };
      case 'directories':
        await this.#selfTest.run(target, signal);
        return { moved: await this.#move(await this.directories(target, signal), signal), wrong: 0 };
      case 'files':
        return { moved: 0, ...(await this.#files(target, signal)) };
    }
  }

  /** Parents first. */
  async directories({ pv, path }: AuditTarget, signal: AbortSignal): Promise<PvDirectory[]> {
    const found = await this.#options.worker.call('pvDirectories', { place: this.#place(), path }, { signal });
    if (found !== undefined) return found;
    throw new AgentError(
      'Conflict',
      `${pv} has too many directories for this: restart the bricks, one by one, with prepare`,
    );
  }

  /**
   * A directory renamed onto itself changes nothing on the disk, but the brick puts it into its parent's namespace again and
   * forgets its name, which the look-up after that brings back (measured on 11.1). Level by level: a parent must be right first.
   */
  async #move(directories: readonly PvDirectory[], signal: AbortSignal): Promise<number> {
    let moved = 0;
    const levels = Map.groupBy(directories, ({ depth }) => depth);
    for (const [, level] of [...levels].sort(([a], [b]) => a - b)) {
      const done = await mapPool(level, WIDTH, async (directory) => await this.#moveOne(directory, signal));
      moved += done.filter(Boolean).length;
      const gfids = level.filter((_, index) => done[index]).map(({ gfid }) => gfid);
      // posix takes the handle away and makes it anew: never go on when that did not come out.
      const [broken] = await this.#options.worker.call('withoutHandle', { gfids }, { signal });
      if (broken !== undefined && (await this.#isThere(broken, signal))) {
        throw new AgentError('NotSupported', `directory ${broken} has lost its gfid handle on this brick`);
      }
    }
    return moved;
  }

  async #moveOne({ parent, name, gfid }: PvDirectory, signal: AbortSignal): Promise<boolean> {
    const { brick } = this.#options;
    const options = { pid: PID.quotaHelper, signal };
    const bytes = Buffer.from(name, 'latin1');
    const found = await brick.lookup(parent, bytes, options);
    // A file must never be renamed onto itself: it would lose its handle.
    if (found?.iatt.gfid !== gfid || (found.iatt.mode & TYPE_MASK) !== DIRECTORY) return false;
    const moved = await brick.rename({ parent, name: bytes, newParent: parent, newName: bytes }, options);
    await brick.lookup(parent, bytes, options);
    return moved;
  }

  async #isThere(gfid: Gfid, signal: AbortSignal): Promise<boolean> {
    return (
      (await this.#options.brick.stat(gfid, { pid: PID.quotaHelper, signal }).catch(() => undefined)) !== undefined
    );
  }

  /** @returns how many files and directories are still outside, and why */
  async #files(target: AuditTarget, signal: AbortSignal): Promise<Pick<AdoptResult, 'wrong' | 'why'>> {
    const { audit, repair } = this.#options;
    const first = await this.#audit(target, signal);
    let left = first;
    let why: string | undefined;
    if (first.wrongPaths.length > 0) {
      await audit.lookUp(first.wrongPaths, signal);
      for (const path of first.wrongPaths) {
        await this.#moveFile(path, signal).catch((error: unknown) => {
          // One file's trouble is told, and costs no other file its turn.
          if (!isAgentError(error, 'BrickIo', 'GlusterError')) throw error;
          why = error.message;
        });
      }
      left = await this.#audit(target, signal);
    }
    if (left.audit.wrong === 0) repair(target.pv);
    return { wrong: left.audit.wrong, why };
  }

  /** A second name, made on the backend and looked up: the brick links the inode anew, into the directory's namespace. */
  async #moveFile(path: string, signal: AbortSignal): Promise<void> {
    const { worker, brick, audit } = this.#options;
    const parent = await audit.resolve(path.slice(0, Math.max(path.lastIndexOf('/'), 0)), signal);
    if (parent === undefined) return;
    const name = `.kq-a-${randomBytes(8).toString('hex')}`;
    const options = { pid: PID.quotaHelper, signal };
    if (!(await worker.call('secondName', { place: this.#place(), path, name, add: true }, { signal }))) return;
    faultPoint('adopt-second-name');
    try {
      await brick.lookup(parent, name, options);
    } finally {
      await worker.call('secondName', { place: this.#place(), path, name, add: false }, {});
    }
    // For the brick to forget it.
    await brick.lookup(parent, name, options);
  }

  async #audit(target: AuditTarget, signal: AbortSignal): Promise<AuditResult> {
    const { audit, targets, takeAudits, now, auditValidMs } = this.#options;
    const all = targets();
    const tally = new AuditTally(all);
    const at = now();
    await audit.dump((gfid, namespace) => tally.take(gfid, namespace), signal);
    const places = await audit.locate(tally.strays, signal);
    const results = tally.judge(all, places, { at, validUntil: at + auditValidMs });
    const own = results.get(target.gfid);
    if (own === undefined) throw new AgentError('Conflict', `the limit of ${target.pv} is not live on this brick`);
    takeAudits(new Map([[target.gfid, own.audit]]));
    return own;
  }

  #place(): string {
    const place = this.#options.place();
    if (place === undefined) throw new AgentError('BrickFenced', 'the brick is fenced');
    return place;
  }
}
