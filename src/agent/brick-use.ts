/** Who uses an object of this brick right now, as its process tells: asked before a split-brain is ended, and never in a poll. */
import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import { InodeUseReader, type InodeUse } from '../process/statedump-use.ts';
import type { BrickDump } from './brick-dump.ts';

/** The steps of one plan come one after the other; a dump costs some 60 ms and the brick a walk over its inode table. In milliseconds. */
const FRESH_MS = 1_000;
/** Until a second dump: a self-heal daemon that crawls has each object open for some milliseconds, and a dump does not tell it from a client. In milliseconds. */
const CONFIRM_MS = 500;

interface Look {
  /** Monotonic milliseconds, of before the dump: what came later is not in it. */
  at: number;
  used: ReadonlyMap<Gfid, InodeUse>;
  /** Of the dump before, where this one was made to confirm it. */
  before: ReadonlyMap<Gfid, InodeUse> | undefined;
}

export class BrickUse {
  readonly #dump: Pick<BrickDump, 'read'>;
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>;
  #last: Look | undefined;

  constructor(dump: Pick<BrickDump, 'read'>, clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#dump = dump;
    this.#clock = clock;
  }

  /** In words; undefined: nobody uses it for longer than a self-heal daemon does. @throws AgentError as `BrickDump.read` */
  async of(gfid: Gfid, signal: AbortSignal): Promise<string | undefined> {
    let last = this.#last;
    if (last === undefined || this.#clock.monotonic() - last.at > FRESH_MS) last = await this.#look(undefined, signal);
    if (last.used.has(gfid) && last.before?.has(gfid) !== true) {
      await this.#clock.sleep(CONFIRM_MS, signal);
      last = await this.#look(last.used, signal);
    }
    const use = last.used.get(gfid);
    return use === undefined ? undefined : inWords(use);
  }

  async #look(before: Look['before'], signal: AbortSignal): Promise<Look> {
    const at = this.#clock.monotonic();
    const used = await this.#dump.read((brickName) => new InodeUseReader(brickName), signal);
    this.#last = { at, used, before };
    return this.#last;
  }
}

function inWords({ handles, locks }: InodeUse): string {
  const parts = [
    ...(handles > 0 ? [`${handles} open file handle${handles === 1 ? '' : 's'}`] : []),
    ...(locks > 0 ? [`${locks} lock${locks === 1 ? '' : 's'} of clients`] : []),
  ];
  return parts.join(' and ');
}
