/** Connects the audit to the brick process (statedump), the brick worker (places) and the wire (look-ups by name). */
import type { BrickWorker } from '../brick/worker/client.ts';
import { isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { InodeTableReader } from '../process/statedump-inodes.ts';
import type { AuditPorts } from '../quota/auditor.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import type { BrickDump } from './brick-dump.ts';

/** Gfids in one message to the worker: at some 30 µs each no other call waits for long behind it. */
const BATCH = 500;

export interface BrickAuditOptions {
  worker: BrickWorker;
  dump: BrickDump;
  brick: BrickClient;
}

export class BrickAudit implements AuditPorts {
  readonly #options: BrickAuditOptions;

  constructor(options: BrickAuditOptions) {
    this.#options = options;
  }

  async dump(take: (gfid: Gfid, namespace: Gfid | undefined) => void, signal: AbortSignal): Promise<void> {
    await this.#options.dump.read((brickName) => {
      const reader = new InodeTableReader(brickName, ({ gfid, namespace }) => take(gfid, namespace));
      return { line: (line) => reader.line(line), end: () => reader.end() || undefined };
    }, signal);
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
