/**
 * V8's optimising compiler, which the program starts without (`--max-opt=1` in its first line): its code pages and what it allocates
 * stay resident, some 14 MB, and the passes of an agent with 1,000 PVs are system calls, which it makes no faster. Long scans and many
 * PVs are another thing, so it is let in while there is such work.
 *
 * One for the whole process, since V8's flags are; what was compiled while it was on stays compiled.
 */
import { setFlagsFromString } from 'node:v8';

export type HeavyWork = 'scan' | 'many-pvs';

export class Optimizer {
  readonly #set: (isOn: boolean) => void;
  readonly #work = new Set<HeavyWork>();

  constructor(set: (isOn: boolean) => void) {
    this.#set = set;
  }

  /** Tells that there is such work, or none any more; may be told as often as one likes. */
  note(work: HeavyWork, isThere: boolean): void {
    const wasOn = this.#work.size > 0;
    if (isThere) this.#work.add(work);
    else this.#work.delete(work);
    const isOn = this.#work.size > 0;
    if (isOn !== wasOn) this.#set(isOn);
  }
}

/** Who starts the program with other flags has decided otherwise. */
const isHeldBack = process.execArgv.includes('--max-opt=1');

export const optimizer = new Optimizer((isOn) => {
  if (isHeldBack) setFlagsFromString(isOn ? '--turbofan' : '--no-turbofan');
});
