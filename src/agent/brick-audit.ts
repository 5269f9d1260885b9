/** Connects the audit to the brick process (statedump), the brick worker (places) and the wire (look-ups by name). */
import type { BrickWorker } from '../brick/worker/client.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { Mutex } from '../lib/mutex.ts';
import type { SignalOptions } from '../process/signal.ts';
import { readStatedump } from '../process/statedump.ts';
import { InodeTableReader } from '../process/statedump-inodes.ts';
import type { AuditPorts } from '../quota/auditor.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import type { ProcessMonitor } from './process-monitor.ts';

/** Gfids in one message to the worker: at some 30 µs each no other call waits for long behind it. */
const BATCH = 500;

/**
 * A brick leaves its inode table out of a dump when somebody holds the table's lock at that moment (it only tries it), which on a busy machine happens: a
 * dump without one is asked for again, so often in all.
 */
const DUMPS = 5;
/** Before the next one, in milliseconds. */
const DUMP_AGAIN_MS = 200;

export interface BrickAuditOptions {
  worker: BrickWorker;
  processes: ProcessMonitor;
  brick: BrickClient;
  config: { statedumpDir: string; brickName: string };
  clock: Clock;
  /** Where proc is mounted and how signals are sent; for tests. */
  system?: SignalOptions;
}

export class BrickAudit implements AuditPorts {
  readonly #options: BrickAuditOptions;
  /** Dumps of one second have one name. */
  readonly #mutex = new Mutex();

  constructor(options: BrickAuditOptions) {
    this.#options = options;
  }

  async dump(take: (gfid: Gfid, namespace: Gfid | undefined) => void, signal: AbortSignal): Promise<void> {
    const { processes, config, clock, system } = this.#options;
    const proof = processes.views.find(({ process }) => process === 'brick')?.proof;
    if (proof?.ok !== true) {
      throw new AgentError(
        'ProcessUnproven',
        `no audit: ${proof?.message ?? 'the brick process was not looked at yet'}`,
      );
    }
    const options = { ...system, process: proof.process, dir: config.statedumpDir, clock, signal };
    for (let dumps = 1; ; dumps += 1) {
      const reader = new InodeTableReader(config.brickName, ({ gfid, namespace }) => take(gfid, namespace));
      await this.#mutex.run(async () => await readStatedump(options, (line) => reader.line(line)));
      if (reader.end()) return;
      if (dumps === DUMPS) break;
      await clock.sleep(DUMP_AGAIN_MS, signal);
    }
    throw new AgentError(
      'NotSupported',
      `${DUMPS} statedumps of pid ${proof.process.pid} have no inode table of ${config.brickName}; does glusterdump.options switch inode off?`,
    );
  }

  async locate(gfids: readonly Gfid[], signal: AbortSignal): Promise<(string | undefined | null)[]> {
    const places: (string | undefined | null)[] = [];
    for (let start = 0; start < gfids.length; start += BATCH) {
      const batch = gfids.slice(start, start + BATCH);
      for (const place of await this.#options.worker.call('locate', { gfids: batch }, { signal })) {
        if (place.kind === 'path') places.push(place.path);
        else places.push(place.kind === 'nameless' ? null : undefined);
      }
    }
    return places;
  }

  async lookUp(paths: readonly string[], signal: AbortSignal): Promise<number> {
    const known = new Map<string, Gfid | undefined>([['', ROOT_GFID]]);
    let found = 0;
    for (const path of paths) {
      if ((await this.#resolve(path, known, signal)) !== undefined) found += 1;
    }
    return found;
  }

  /** The gfid of a path (latin1), by look-ups by name from the root. */
  async resolve(path: string, signal: AbortSignal): Promise<Gfid | undefined> {
    return await this.#resolve(path, new Map([['', ROOT_GFID]]), signal);
  }

  async #resolve(path: string, known: Map<string, Gfid | undefined>, signal: AbortSignal): Promise<Gfid | undefined> {
    if (known.has(path)) return known.get(path);
    const at = path.lastIndexOf('/');
    const parent = await this.#resolve(path.slice(0, Math.max(at, 0)), known, signal);
    const gfid = parent === undefined ? undefined : await this.#lookUp(parent, path.slice(at + 1), signal);
    known.set(path, gfid);
    return gfid;
  }

  async #lookUp(parent: Gfid, name: string, signal: AbortSignal): Promise<Gfid | undefined> {
    try {
      const bytes = Buffer.from(name, 'latin1');
      return (await this.#options.brick.lookup(parent, bytes, { pid: PID.quotaHelper, signal }))?.iatt.gfid;
    } catch (error) {
      // Renamed or removed meanwhile: the next audit sees it where it is now. A brick that is gone ends the whole pass.
      if (isAgentError(error, 'GlusterError')) return undefined;
      throw error;
    }
  }
}
