/** Who uses an object of this brick right now, as its process tells: asked before a split-brain is ended, and never in a poll. */
import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import { InodeUseReader, type InodeUse } from '../process/statedump-use.ts';
import type { BrickDump } from './brick-dump.ts';

/** The steps of one plan come one after the other; a dump costs some 60 ms and the brick a walk over its inode table. In milliseconds. */
const FRESH_MS = 1_000;

export class BrickUse {
  readonly #dump: Pick<BrickDump, 'read'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #last: { at: number; used: ReadonlyMap<Gfid, InodeUse> } | undefined;

  constructor(dump: Pick<BrickDump, 'read'>, clock: Pick<Clock, 'monotonic'>) {
    this.#dump = dump;
    this.#clock = clock;
  }

  /** In words; undefined: nobody uses it. @throws AgentError as `BrickDump.read` */
  async of(gfid: Gfid, signal: AbortSignal): Promise<string | undefined> {
    const at = this.#clock.monotonic();
    if (this.#last === undefined || at - this.#last.at > FRESH_MS) {
      const used = await this.#dump.read((brickName) => new InodeUseReader(brickName), signal);
      // Of the time before: what came later is not in it.
      this.#last = { at, used };
    }
    const use = this.#last.used.get(gfid);
    return use === undefined ? undefined : inWords(use);
  }
}

function inWords({ handles, locks }: InodeUse): string {
  const parts = [
    ...(handles > 0 ? [`${handles} open file handle${handles === 1 ? '' : 's'}`] : []),
    ...(locks > 0 ? [`${locks} lock${locks === 1 ? '' : 's'} of clients`] : []),
  ];
  return parts.join(' and ');
}
