/**
 * V8's middle compiler (Maglev), which the program starts without (`--max-opt=1` in its first line): what it makes and needs stays
 * resident, and the passes of an agent with 1,000 PVs are system calls, which no compiler makes faster. So are scans, however long: with
 * any compiler or none, 300,000 files take as long (measured). To write a scrape of 10,000 PVs is another thing. The optimising compiler
 * (TurboFan) makes that no faster than this one, and takes 9 MB more.
 *
 * One for the whole process, since V8's flags are; what was compiled while it was on stays compiled.
 */
import { setFlagsFromString } from 'node:v8';

export class Optimizer {
  readonly #set: (isOn: boolean) => void;
  #isOn = false;

  constructor(set: (isOn: boolean) => void) {
    this.#set = set;
  }

  /** Tells whether there is work for it; may be told as often as one likes. */
  note(isThere: boolean): void {
    if (isThere === this.#isOn) return;
    this.#isOn = isThere;
    this.#set(isThere);
  }
}

/** Who starts the program with other flags has decided otherwise. */
const isHeldBack = process.execArgv.includes('--max-opt=1');

export const optimizer = new Optimizer((isOn) => {
  if (isHeldBack) setFlagsFromString(isOn ? '--maglev' : '--no-maglev');
});
