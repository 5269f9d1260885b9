/** Which PVs had writes refused by their limit, as the brick's log tells. */
import type { GfidPlace } from '../brick/gfid-path.ts';
import { pvOfPath } from '../brick/pv-path.ts';
import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { RefusedWriteSource } from '../quota/ports.ts';
import { LogFollower } from '../volfile/log-follower.ts';
import { firstTime, refusedWrites } from '../volfile/refused-writes.ts';

/** Files and directories of one look that are located on the brick, the latest ones, at some 30 µs each. */
const MAX_OBJECTS = 256;
/** PVs that are remembered: more than a brick has. */
const MAX_PVS = 20_000;

export interface RefusalWatchOptions {
  /** The brick's log, as this process sees it; undefined: not known (yet). */
  logFile: () => string | undefined;
  /** In the order of the gfids. */
  locate: (gfids: readonly Gfid[], signal: AbortSignal) => Promise<GfidPlace[]>;
  clock: Clock;
}

export class RefusalWatch implements RefusedWriteSource {
  readonly #options: RefusalWatchOptions;
  #follower: LogFollower | undefined;
  #since: number | undefined;
  /** When a write in it was refused last, by PV, in wall-clock milliseconds. */
  readonly #last = new Map<string, number>();
  /** Not located yet: when, and whether only allocations were refused. The latest stand last. */
  readonly #waiting = new Map<Gfid, { at: number; isAllocation: boolean }>();

  constructor(options: RefusalWatchOptions) {
    this.#options = options;
  }

  get since(): number | undefined {
    return this.#since;
  }

  lastOf(pv: string): number | undefined {
    return this.#last.get(pv);
  }

  /** @throws AgentError when the brick does not tell where things are: then they are asked for again */
  async pass(signal: AbortSignal): Promise<void> {
    const path = this.#options.logFile();
    if (path !== this.#follower?.path) this.#follower = path === undefined ? undefined : new LogFollower(path);
    const news = await this.#follower?.readNew();
    if (news === undefined) {
      this.#since = undefined;
      return;
    }
    if (news.isGap || this.#since === undefined) this.#since = firstTime(news.text) ?? this.#options.clock.now();
    this.#note(news.text);
    if (this.#waiting.size === 0) return;
    const gfids = [...this.#waiting.keys()];
    const places = await this.#options.locate(gfids, signal);
    for (const [index, gfid] of gfids.entries()) this.#place(gfid, places[index]);
  }

  #note(text: string): void {
    for (const { gfid, isAllocation, at } of refusedWrites(text)) {
      const known = this.#waiting.get(gfid);
      this.#waiting.delete(gfid);
      this.#waiting.set(gfid, { at, isAllocation: isAllocation && known?.isAllocation !== false });
      if (this.#waiting.size > MAX_OBJECTS) dropFirst(this.#waiting);
    }
  }

  #place(gfid: Gfid, place: GfidPlace | undefined): void {
    const refused = this.#waiting.get(gfid);
    this.#waiting.delete(gfid);
    if (place?.kind !== 'path' || refused === undefined) return;
    const pv = pvOfPath(place.path);
    if (pv === undefined) return;
    // No client allocates in a directory: on a PV's own it is a question of an agent's guard.
    if (refused.isAllocation && place.path.endsWith(`/${pv}`) && place.path.split('/').length === PV_DEPTH) return;
    const at = Math.max(refused.at, this.#last.get(pv) ?? 0);
    this.#last.delete(pv);
    this.#last.set(pv, at);
    if (this.#last.size > MAX_PVS) dropFirst(this.#last);
  }
}

/** `subvol/xx/yy/<pv>` */
const PV_DEPTH = 4;

function dropFirst(map: Map<string, unknown>): void {
  const [first] = map.keys();
  if (first !== undefined) map.delete(first);
}
