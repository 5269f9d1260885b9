import { describe, expect, it } from 'vitest';
import { driftThreshold, estimateUsage, forgetCounter, judgeUsage, type UsageScan } from '../../../src/quota/usage.ts';

const MiB = 1024n * 1024n;

function scan(changes: Partial<UsageScan> = {}): UsageScan {
  return {
    at: 1_000_000,
    diskBytes: 110n * MiB,
    expectedCounter: 100n * MiB,
    counterBefore: 100n * MiB,
    counterAfter: 100n * MiB,
    files: 10,
    directories: 2,
    durationMs: 5,
    incomplete: undefined,
    counted: true,
    brickGeneration: 1,
    ...changes,
  };
}

describe('estimateUsage', () => {
  it('adds what the counter has moved since the scan to what was measured', () => {
    expect(estimateUsage(scan(), 103n * MiB, 1_060_000)).toEqual({
      bytes: 113n * MiB,
      source: 'ScanPlusCounter',
      scannedBytes: 110n * MiB,
      scannedAt: 1_000_000,
      ageMs: 60_000,
      counterAtScan: 100n * MiB,
      counterNow: 103n * MiB,
      driftBytes: 0n,
      uncertainBytes: 0n,
    });
  });

  it('is never below nothing, nor older than never', () => {
    expect(estimateUsage(scan(), -500n * MiB, 0)).toMatchObject({ bytes: 0n, ageMs: 0 });
    expect(estimateUsage(undefined, -4096n, 0)).toMatchObject({ bytes: 0n, counterNow: -4096n });
  });

  it('says what it is made of', () => {
    expect(estimateUsage(undefined, undefined, 0)).toMatchObject({ bytes: undefined, source: 'Unknown' });
    expect(estimateUsage(undefined, MiB, 0)).toMatchObject({ bytes: MiB, source: 'CounterOnly', counterNow: MiB });
    expect(estimateUsage(scan(), undefined, 0)).toMatchObject({ bytes: 110n * MiB, source: 'Scan' });
    const alone = scan({ counterBefore: undefined });
    expect(estimateUsage(alone, 200n * MiB, 0)).toMatchObject({ bytes: 110n * MiB, source: 'Scan' });
    expect(estimateUsage(alone, 200n * MiB, 0).driftBytes).toBeUndefined();
  });

  it('takes the middle of a counter that moved during the scan, and says how far it moved', () => {
    const busy = scan({ counterBefore: 90n * MiB, counterAfter: 110n * MiB });
    expect(estimateUsage(busy, 120n * MiB, 0)).toMatchObject({
      counterAtScan: 100n * MiB,
      bytes: 130n * MiB,
      uncertainBytes: 20n * MiB,
    });
  });

  it('knows no drift of a scan that could not read all', () => {
    expect(estimateUsage(scan({ incomplete: 'EIO' }), MiB, 0).driftBytes).toBeUndefined();
  });
});

describe('judgeUsage', () => {
  it.each([
    ['not scanned', undefined, 'Unknown NotScanned'],
    ['agreeing', scan(), 'True AsMeasured'],
    ['a little off', scan({ counterBefore: 101n * MiB, counterAfter: 101n * MiB }), 'True AsMeasured'],
    ['too high', scan({ counterBefore: 102n * MiB, counterAfter: 102n * MiB }), 'False CountsTooMuch'],
    ['too low', scan({ counterBefore: 98n * MiB, counterAfter: 98n * MiB }), 'False CountsTooLittle'],
    ['written to', scan({ counterBefore: 100n * MiB, counterAfter: 105n * MiB }), 'Unknown WrittenDuringScan'],
    ['written to, but far off', scan({ counterBefore: 200n * MiB, counterAfter: 205n * MiB }), 'False CountsTooMuch'],
    ['without a counter', scan({ counterAfter: undefined }), 'Unknown CounterUnknown'],
    ['after a reconnect', forgetCounter(scan()), 'Unknown CounterUnknown'],
    ['not complete', scan({ incomplete: 'EIO', counterAfter: 0n }), 'Unknown ScanIncomplete'],
  ])('%s', (_, of, verdict) => {
    const { type, status, reason } = judgeUsage(of);
    expect(`${type} ${status} ${reason}`).toBe(`UsageTrue ${verdict}`);
  });

  it('allows a mebibyte, and one percent of what is large', () => {
    expect(driftThreshold(0n)).toBe(MiB);
    expect(driftThreshold(1000n * MiB)).toBe(10n * MiB);
  });
});
