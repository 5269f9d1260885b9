/** What the quota benches share: the agent's own quota code over a brick, without HTTP and without the loops' pauses. */
import { WireQuotaBrick, WorkerQuotaBackend } from '../src/agent/quota-adapters.ts';
import { BrickWorker } from '../src/brick/worker/client.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { QuotaEnforcer } from '../src/quota/enforcer.ts';
import type { QuotaBrick } from '../src/quota/ports.ts';
import type { QuotaFileContent } from '../src/quota/quota-file.ts';
import { BrickClient } from '../src/rpc/brick-client.ts';
import type { Brick } from '../test/lab/brick.ts';
import { pvPath } from '../test/lab/pv.ts';
import { waitFor } from '../test/lab/wait.ts';

export const LIMIT_BYTES = 1n << 30n;
/** Longer than any bench here takes, in milliseconds. */
const DEADLINE_MS = 60_000;

export function pvNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `pvc-bench-${index}`);
}

/** Elapsed milliseconds and CPU milliseconds of this process. */
export async function timed(work: () => Promise<void>): Promise<{ ms: number; cpuMs: number }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** The enforcer over a brick directory, with a limit wanted for each of the PVs by the quota file. */
export class QuotaWorld {
  readonly enforcer: QuotaEnforcer;
  readonly #worker: BrickWorker;
  readonly #client: BrickClient | undefined;

  private constructor(worker: BrickWorker, place: string, pvs: readonly string[], client: BrickClient | undefined) {
    this.#worker = worker;
    this.#client = client;
    const entries = pvs.map((pv, line) => {
      return { pv, path: undefined, limitBytes: LIMIT_BYTES, softRatio: undefined, line };
    });
    const content: QuotaFileContent = { entries, refusals: [], error: undefined };
    this.enforcer = new QuotaEnforcer({
      backend: new WorkerQuotaBackend(this.#worker, true, () => place),
      brick: client === undefined ? DOWN : new WireQuotaBrick(client),
      layout: { dataFragments: 1, isArbiter: false },
      fence: () => ({ open: true }),
      quotaFile: { read: async () => content },
      clock: systemClock,
      log: silentLog,
      // Every pass reads everything back.
      verifyIntervalMs: 0,
      checkIntervalMs: 0,
    });
  }

  /** A brick directory without a process. */
  static async atRest(brickPath: string, pvs: readonly string[]): Promise<QuotaWorld> {
    return await QuotaWorld.#start(brickPath, pvs, undefined);
  }

  static async beside(brick: Brick, pvs: readonly string[]): Promise<QuotaWorld> {
    const { port, name: brickName, path } = brick;
    const client = new BrickClient({ host: '127.0.0.1', port, brickName, clock: systemClock, log: silentLog });
    await waitFor('the handshake with the brick', async () => client.isUp);
    return await QuotaWorld.#start(path, pvs, client);
  }

  static async #start(brickPath: string, pvs: readonly string[], client: BrickClient | undefined): Promise<QuotaWorld> {
    const worker = new BrickWorker({ brickPath, deadlineMs: DEADLINE_MS, clock: systemClock, log: silentLog });
    // As in an agent, the thread runs and has proven the brick before there is a first pass.
    const { place } = await worker.call('facts', {});
    if (place === undefined) throw new Error(`${brickPath} is not a directory`);
    return new QuotaWorld(worker, place, pvs, client);
  }

  async pass(): Promise<void> {
    await this.enforcer.pass(AbortSignal.timeout(DEADLINE_MS));
  }

  /** How many PVs have a condition that holds; a bench of something that did not work is worth nothing. */
  count(condition: 'OnDisk' | 'Live'): number {
    return this.enforcer
      .list()
      .filter(({ status }) => status.conditions.some(({ type, status: is }) => type === condition && is === 'True'))
      .length;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#worker.stop(), this.#client?.stop()]);
  }
}

/** One line a PV, for the shell loops of the peers. */
export function pvList(root: string, pvs: readonly string[]): string {
  return pvs.map((pv) => `${root}/${pvPath(pv)}\n`).join('');
}

const DOWN: QuotaBrick = {
  isUp: false,
  generation: 0,
  hasSimpleQuota: undefined,
  lookup: notAsked,
  statfs: notAsked,
  statfsEach: notAsked,
  makeNamespace: notAsked,
  setLimit: notAsked,
};

async function notAsked(): Promise<never> {
  throw new Error('no brick runs in this bench');
}
