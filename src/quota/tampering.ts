import type { Gfid } from '../lib/gfid.ts';

/** `off`: enforcement was switched off on the whole brick, by whom cannot be known. `faked`: the brick was told a false usage of this PV. */
export type TamperingKind = 'off' | 'faked';

/** Times since the agent's start. */
export type TamperingCounts = Readonly<Record<TamperingKind, number>>;

/** PVs with a count of their own; a tenant can make no more of it. Of others only the sum over all PVs is kept. */
const MAX_PVS = 1_000;

/** How often which PV was beyond its limit because of tampering. Nothing is kept of PVs that never were, and of those that are gone. */
export class TamperingTally {
  readonly #isThere: (pv: string) => boolean;
  readonly #max: number;
  readonly #byPv = new Map<string, { gfid: Gfid; counts: Record<TamperingKind, number> }>();

  /** @param isThere whether the PV is still on the brick. @param max other numbers are for tests */
  constructor(isThere: (pv: string) => boolean, max: number = MAX_PVS) {
    this.#isThere = isThere;
    this.#max = max;
  }

  count({ pv, gfid }: { pv: string; gfid: Gfid }, kind: TamperingKind): void {
    this.#forgetGone();
    let known = this.#byPv.get(pv);
    // One of the same name may be another one.
    if (known?.gfid !== gfid) {
      if (known === undefined && this.#byPv.size >= this.#max) return;
      this.#byPv.set(pv, (known = { gfid, counts: { off: 0, faked: 0 } }));
    }
    known.counts[kind] += 1;
  }

  of(pv: string): TamperingCounts {
    return this.#byPv.get(pv)?.counts ?? NONE;
  }

  /** Those that have any, in the order in which they were found first. */
  entries(): { pv: string; counts: TamperingCounts }[] {
    this.#forgetGone();
    return Array.from(this.#byPv, ([pv, { counts }]) => ({ pv, counts }));
  }

  #forgetGone(): void {
    for (const pv of this.#byPv.keys()) if (!this.#isThere(pv)) this.#byPv.delete(pv);
  }
}

const NONE: TamperingCounts = { off: 0, faked: 0 };
