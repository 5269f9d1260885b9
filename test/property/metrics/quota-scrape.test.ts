/** What is kept of one scrape for the next is what would be written anew, whatever happens to PVs in between. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quotaCollector } from '../../../src/metrics/collectors/quota.ts';
import { MetricsRegistry } from '../../../src/metrics/registry.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { PvState } from '../../../src/quota/pv-state.ts';
import { pvState, scanned } from '../../support/metric-sources.ts';
import { rendered } from '../../support/scrape.ts';

/** More than what is kept or dropped together. */
const PVS = 530;
const MiB = 1n << 20n;

let now = 0;
const clock = { now: () => now };

function registryOf(states: () => PvState[]): MetricsRegistry {
  const source = { hasSynced: true, refusals: [], states };
  return new MetricsRegistry([quotaCollector(source, { clock })], { volume: 'pool1' }, silentLog);
}

/** Without how long it took. */
async function scrape(registry: MetricsRegistry): Promise<string> {
  return (await rendered(registry)).replaceAll(/^brick_agent_collector_duration_seconds.*$/gm, '');
}

const step = fc.record({
  kind: fc.constantFrom(
    'limit',
    'unlimited',
    'used',
    'conditions',
    'soft',
    'scan',
    'forget',
    'gone',
    'new',
    'other',
    'wait',
  ),
  at: fc.nat(PVS * 2),
  by: fc.integer({ min: 1, max: 9 }),
});

function apply(states: PvState[], { kind, at, by }: { kind: string; at: number; by: number }): void {
  now += by * 1_000;
  const index = at % Math.max(1, states.length);
  const state = states[index];
  if (kind === 'new') states.splice(index, 0, pvState(`pvc-new-${now}`, BigInt(by) * MiB, true));
  if (kind === 'other') states[index] = pvState(`pvc-other-${now}`, BigInt(by) * MiB, by % 2 === 0);
  if (kind === 'gone') states.splice(index, 1);
  if (state === undefined) return;
  if (kind === 'limit')
    state.desired = { ...state.desired, limitBytes: BigInt(by) * MiB, source: by > 5 ? 'Api' : 'File' };
  if (kind === 'unlimited') state.desired = { ...state.desired, limitBytes: undefined, source: undefined };
  if (kind === 'used' && state.live.kind === 'result' && state.live.result.kind === 'settled') {
    const statfs = { ...state.live.result.statfs, free: BigInt(by) };
    state.live = { ...state.live, result: { ...state.live.result, statfs } };
  }
  if (kind === 'conditions') {
    state.conditions = state.conditions.map((one, n) => ({ ...one, status: n % by === 0 ? 'True' : 'Unknown' }));
  }
  if (kind === 'soft') state.wishes = { ...state.wishes, softRatio: by / 10 };
  if (kind === 'scan') scanned(state);
  if (kind === 'forget') state.scan = undefined;
}

describe('a scrape of PVs', () => {
  it('is the same as the first one of another agent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 4 }), { minLength: 1, maxLength: 5 }), async (rounds) => {
        const states = Array.from({ length: PVS }, (_, n) => pvState(`pvc-${n}`, BigInt(n) * MiB, n % 7 !== 0));
        const registry = registryOf(() => states);
        await scrape(registry);
        for (const round of rounds) {
          for (const one of round) apply(states, one);
          expect(await scrape(registry)).toBe(await scrape(registryOf(() => states)));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('is whole where another one is under way, or was given up', async () => {
    const states = Array.from({ length: PVS }, (_, n) => pvState(`pvc-${n}`, MiB, true));
    const registry = registryOf(() => states);
    const first = registry.render({ format: 'text', budgetMs: 60_000 });
    for (let chunk = 0; chunk < 3; chunk += 1) await first.next();
    states.shift();
    const anew = await scrape(registryOf(() => states));
    expect(await scrape(registry)).toBe(anew);
    await first.return();
    for (let again = 0; again < 2; again += 1) expect(await scrape(registry)).toBe(anew);
  });
});
