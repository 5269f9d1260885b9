/**
 * What PVs hold and may hold on the bricks of a set: ours for the agents of the others, theirs where a heal is explained. A brick
 * that refuses what heal writes is told apart so: its limit is lower, its counter is wrong, or the PV is full everywhere.
 */
import type { PendingEntry } from '../heal/entry.ts';
import type { OtherUses, PvUse, PvUseOf } from '../heal/obstacle.ts';
import { judgeUsage, estimateUsage } from '../quota/usage.ts';
import { liveLimitBytes, usedBytes, type PvState } from '../quota/pv-state.ts';
import { brickSetOf } from '../heal/brick-set.ts';
import type { Config } from './config/load.ts';
import type { HealPeers } from './heal-peers.ts';
import { MAX_USES, type PeerUses } from './http/heal-schemas.ts';

/** An arbiter's files are empty, and its counters mean nothing. */
const ARBITER = 2;

export interface PvUsesOptions {
  config: Pick<Config, 'volume' | 'volumeId' | 'volumeType' | 'brickIndex'>;
  state: (pv: string) => PvState | undefined;
  /** Undefined: there are none, and nothing is known of the other bricks. */
  peers: Pick<HealPeers, 'uses'> | undefined;
}

export class PvUses {
  readonly #options: PvUsesOptions;

  constructor(options: PvUsesOptions) {
    this.#options = options;
  }

  readonly of: PvUseOf = (pv) => {
    const state = this.#options.state(pv);
    return state === undefined ? undefined : useOf(state);
  };

  /** For the agents of the other bricks. */
  answer(pvs: readonly string[]): PeerUses {
    const { volumeId, volumeType, brickIndex } = this.#options.config;
    const isArbiter = volumeType === 'Arbiter' && brickIndex % 3 === ARBITER;
    const uses = isArbiter ? [] : pvs.flatMap((pv) => viewOf(pv, this.of(pv)) ?? []);
    return { volumeId, brickIndex, uses };
  }

  /** Of the PVs of objects that wait. Who does not answer is not in it. @throws AgentError `Aborted` */
  async others(entries: readonly Pick<PendingEntry, 'pv'>[], signal: AbortSignal): Promise<OtherUses> {
    const { config, peers } = this.#options;
    const set = brickSetOf(config);
    const pvs = [...new Set(entries.flatMap(({ pv }) => pv ?? []))].slice(0, MAX_USES);
    if (peers === undefined || set === undefined || pvs.length === 0) return () => NONE;
    const found = new Map<string, Map<string, PvUse>>(pvs.map((pv) => [pv, new Map()]));
    const members = set.members.filter((index) => index !== config.brickIndex);
    for (const [brickIndex, uses] of await peers.uses(pvs, members, signal)) {
      for (const { pv, usedBytes: used, limitBytes: limit, excessBytes: excess } of uses) {
        const use = {
          usedBytes: BigInt(used),
          limitBytes: BigInt(limit),
          excessBytes: excess === null ? undefined : BigInt(excess),
        };
        found.get(pv)?.set(`${config.volume}-client-${brickIndex}`, use);
      }
    }
    return (pv) => found.get(pv) ?? NONE;
  }
}

const NONE: ReadonlyMap<string, PvUse> = new Map();

function useOf(state: PvState): PvUse | undefined {
  const [used, limit] = [usedBytes(state), liveLimitBytes(state)];
  if (used === undefined || limit === undefined) return undefined;
  const { scan } = state;
  const isExcess = scan !== undefined && judgeUsage(scan).reason === 'CountsTooMuch';
  const excessBytes = isExcess ? estimateUsage(scan, undefined, scan.at).driftBytes : undefined;
  return { usedBytes: used, limitBytes: limit, excessBytes };
}

function viewOf(pv: string, use: PvUse | undefined): PeerUses['uses'][number] | undefined {
  if (use === undefined) return undefined;
  const { usedBytes: used, limitBytes, excessBytes } = use;
  return {
    pv,
    // A counter may be wrong in that way, too.
    usedBytes: (used < 0n ? 0n : used).toString(),
    limitBytes: limitBytes.toString(),
    excessBytes: excessBytes?.toString() ?? null,
  };
}
