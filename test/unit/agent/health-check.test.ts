import { describe, expect, it } from 'vitest';
import { judgeHealthCheck } from '../../../src/agent/brick-probes.ts';
import { healthCheckAt } from '../../../src/agent/snapshots.ts';
import type { Agent } from '../../../src/agent/agent.ts';

const STALE_MS = 180_000;

describe("the brick's own health check", () => {
  it('passes while it is young, and fails beyond its time', () => {
    expect(judgeHealthCheck(1_000, 1_000 + STALE_MS, STALE_MS)).toEqual({ ok: true });
    expect(judgeHealthCheck(1_000, 1_001 + STALE_MS, STALE_MS)).toMatchObject({ ok: false });
    expect(judgeHealthCheck(1_000, 1_001 + STALE_MS, STALE_MS).reason).toContain('3 min');
  });

  it('passes where there is none, and says so', () => {
    expect(judgeHealthCheck(undefined, 1_000, STALE_MS)).toMatchObject({ ok: true, reason: expect.any(String) });
  });

  it('passes when the clock was set back', () => {
    expect(judgeHealthCheck(9_000, 1_000, STALE_MS).ok).toBe(true);
  });

  it.each([
    [100_000, 50, 100_000],
    [100_000, 101, undefined],
    [100_000, undefined, 100_000],
    [undefined, 50, undefined],
  ])('written at %s ms is of the process that started at %s s: %s', (at, startTimeSeconds, told) => {
    const views = [{ process: 'brick', proof: undefined, stats: startTimeSeconds && { startTimeSeconds } }];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two members that it reads
    const agent = { monitor: { healthCheckAt: at }, processes: { views } } as unknown as Agent;
    expect(healthCheckAt(agent)).toBe(told);
  });
});
