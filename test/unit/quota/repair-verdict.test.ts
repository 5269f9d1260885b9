import { describe, expect, it } from 'vitest';
import { correction, repairVerdict } from '../../../src/quota/repair-verdict.ts';
import type { UsageScan } from '../../../src/quota/usage.ts';

const MiB = 1024n * 1024n;

function scan(changes: Partial<UsageScan>): UsageScan {
  return {
    at: 1,
    diskBytes: 50n * MiB,
    expectedCounter: 40n * MiB,
    counterBefore: 40n * MiB,
    counterAfter: 40n * MiB,
    files: 3,
    directories: 1,
    durationMs: 1,
    incomplete: undefined,
    counted: true,
    brickGeneration: 7,
    ...changes,
  };
}
const counter = (bytes: bigint) => scan({ counterBefore: bytes, counterAfter: bytes });

describe('repairVerdict', () => {
  it('finds drift in both directions, to the byte', () => {
    expect(repairVerdict(counter(45n * MiB), 7, false)).toEqual({ kind: 'Drifted', driftBytes: 5n * MiB });
    expect(repairVerdict(counter(3n * MiB), 7, false)).toEqual({ kind: 'Drifted', driftBytes: -37n * MiB });
    expect(repairVerdict(counter(40n * MiB), 7, true)).toEqual({ kind: 'Clean' });
  });

  it('leaves small drift unless it is asked for', () => {
    expect(repairVerdict(counter(40n * MiB + 512n), 7, false)).toEqual({ kind: 'Clean' });
    expect(repairVerdict(counter(40n * MiB + 512n), 7, true)).toEqual({ kind: 'Drifted', driftBytes: 512n });
  });

  it('knows nothing of a PV that was written, whose scan or counter is not whole, or of another process', () => {
    const cases = [
      scan({ counterBefore: 44n * MiB, counterAfter: 45n * MiB }),
      scan({ incomplete: 'EACCES', counterBefore: 45n * MiB, counterAfter: 45n * MiB }),
      scan({ counterBefore: undefined }),
      scan({ brickGeneration: 6, counterBefore: 45n * MiB, counterAfter: 45n * MiB }),
    ];
    const reasons = cases
      .map((one) => repairVerdict(one, 7, true))
      .map((verdict) => 'reason' in verdict && verdict.reason);
    expect(reasons).toEqual(['Busy', 'ScanIncomplete', 'CounterUnknown', 'CounterUnknown']);
  });
});

describe('repairVerdict of a PV that is written', () => {
  it('says whether there is drift whatever was written', () => {
    const certain = (before: bigint, after: bigint) =>
      repairVerdict(scan({ counterBefore: before, counterAfter: after }), 7, false);
    expect(certain(60n * MiB, 61n * MiB)).toMatchObject({ kind: 'Unclear', certain: true });
    expect(certain(40n * MiB, 43n * MiB)).toMatchObject({ kind: 'Unclear', certain: false });
  });
});

describe('correction', () => {
  it('is the drift, less what open and deleted files hold when the counter is lowered', () => {
    expect(correction(5n * MiB, 0n)).toBe(-5n * MiB);
    expect(correction(5n * MiB, 2n * MiB)).toBe(-3n * MiB);
    expect(correction(5n * MiB, 9n * MiB)).toBe(0n);
    expect(correction(-5n * MiB, 9n * MiB)).toBe(5n * MiB);
  });
});
