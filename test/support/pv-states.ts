/** States of PVs as the enforcer keeps them. */
import { Check } from 'typebox/value';
import { conditionSchema } from '../../src/agent/http/schemas.ts';
import type { QuotaLayout } from '../../src/quota/layout.ts';
import { PvState } from '../../src/quota/pv-state.ts';

const GFID = '11111111-1111-4111-8111-111111111111';
const BLOCK = 4096n;

export const REPLICA: QuotaLayout = { dataFragments: 1, isArbiter: false };

export interface PvStateOptions {
  limit?: bigint;
  /** Bytes in whole blocks, as the running brick tells; without it the brick was not asked. */
  used?: bigint;
  /** `Live False BrickRefused` */
  condition?: string;
}

export function pvState(pv: string, { limit, used, condition }: PvStateOptions): PvState {
  const state = new PvState(
    { pv, path: `subvol/ab/cd/${pv}` },
    { fileBytes: undefined, softRatio: undefined, kadaluBytes: limit, peer: undefined },
  );
  if (limit !== undefined) state.desired = { ...state.desired, limitBytes: limit, source: 'Kadalu' };
  if (limit !== undefined && used !== undefined) {
    const blocks = limit / BLOCK + 1n;
    const free = blocks - used / BLOCK;
    const statfs = { blockSize: BLOCK, blocks, free: free > 0n ? free : 0n, simpleQuota: true };
    state.live = { kind: 'result', result: { kind: 'settled', gfid: GFID, statfs, madeNamespace: false }, at: 0 };
    state.backend = {
      kind: 'present',
      quota: {
        path: state.path,
        gfid: GFID,
        namespace: true,
        limitBytes: limit,
        sizeBytes: used,
        adopting: false,
        record: undefined,
        hasEntries: true,
        parentGfid: undefined,
      },
    };
  }
  if (condition !== undefined) {
    const [type = '', status, reason = ''] = condition.split(' ');
    const made = { type, status, reason, message: `${reason} of ${pv}`, observedGeneration: 1, lastTransitionTime: '' };
    if (!Check(conditionSchema, made)) throw new TypeError(`no condition: ${condition}`);
    state.conditions = [made];
  }
  return state;
}
