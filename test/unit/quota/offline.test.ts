import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { settleOffline, type MeasurePv, type OfflineReport } from '../../../src/quota/offline.ts';
import { parseQuotaFile } from '../../../src/quota/quota-file.ts';
import { encodeRecord } from '../../../src/quota/record.ts';
import { FakeBrick } from '../../support/fake-quota.ts';

const LAYOUT = { dataFragments: 1, isArbiter: false };

interface Run {
  measure?: MeasurePv;
  write?: boolean;
  deadline?: AbortSignal;
  quotaFile?: string;
  dataFragments?: number;
}

async function settle(brick: FakeBrick, run: Run = {}): Promise<OfflineReport> {
  const { measure, write = true, quotaFile, dataFragments = 1 } = run;
  const never = new AbortController().signal;
  return await settleOffline({
    backend: brick,
    measure: measure ?? (async () => ({ counterBytes: 5000n, files: 3, incomplete: undefined })),
    layout: { ...LAYOUT, dataFragments },
    quotaFile: quotaFile === undefined ? undefined : parseQuotaFile(quotaFile),
    clock: systemClock,
    write,
    deadline: run.deadline ?? never,
    signal: never,
  });
}

function outcomes({ pvs }: OfflineReport): Record<string, string> {
  return Object.fromEntries(pvs.map(({ pv, outcome }) => [pv, outcome]));
}

describe('the quota of a stopped brick', () => {
  it('writes limit, namespace and measured usage, and says so only after reading it back', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1', { kadaluBytes: 100_000n, hasEntries: true });
    const report = await settle(brick);
    expect(brick.at('pvc-1').disk).toMatchObject({ namespace: true, limit: 100_000n, size: 5000n });
    expect(report.pvs).toMatchObject([
      { pv: 'pvc-1', outcome: 'Exact', source: 'Kadalu', wantedBytes: 100_000n, sizeBytes: 5000n, files: 3 },
    ]);
    expect(brick.calls.at(-1)).toBe('read');
  });

  it('writes nothing the second time', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1', { kadaluBytes: 100_000n });
    await settle(brick);
    brick.calls.length = 0;
    expect(outcomes(await settle(brick))).toEqual({ 'pvc-1': 'Exact' });
    expect(brick.calls).not.toContain('write');
  });

  it("takes the API's record before the file, the file before Kadalu, and leaves alone what nobody limits", async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-api', { kadaluBytes: 1000n }).disk.record = encodeRecord({ kind: 'limit', limitBytes: 3000n });
    brick.addPv('pvc-file', { kadaluBytes: 1000n });
    brick.addPv('pvc-free');
    const quotaFile = 'quotas: [{pv: pvc-api, limit: 2000}, {pv: pvc-file, limit: 2000}, {pv: pvc-gone, limit: 1}]';
    const report = await settle(brick, { quotaFile });
    expect(brick.at('pvc-api').disk.limit).toBe(3000n);
    expect(brick.at('pvc-file').disk.limit).toBe(2000n);
    expect(brick.at('pvc-free').disk).toMatchObject({ namespace: false, limit: undefined, size: undefined });
    expect(outcomes(report)).toEqual({ 'pvc-api': 'Exact', 'pvc-file': 'Exact' });
    expect(report.refusals).toEqual([{ file: 'quotaFile line 1', reason: 'no PV "pvc-gone" on this brick' }]);
  });

  it('gives a disperse brick its share', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1').disk.record = encodeRecord({ kind: 'limit', limitBytes: 3000n });
    await settle(brick, { dataFragments: 2 });
    expect(brick.at('pvc-1').disk.limit).toBe(1500n);
  });

  it('finishes a removal, and a second run finds nothing of it', async () => {
    const brick = new FakeBrick();
    const { disk } = brick.addPv('pvc-1');
    Object.assign(disk, { namespace: true, limit: 2n ** 50n, record: encodeRecord({ kind: 'removed' }) });
    expect(outcomes(await settle(brick, { write: false }))).toEqual({ 'pvc-1': 'Differs' });
    expect(outcomes(await settle(brick))).toEqual({ 'pvc-1': 'Exact' });
    expect(disk).toMatchObject({ limit: undefined, record: undefined });
    expect(outcomes(await settle(brick))).toEqual({});
  });

  it('out of time: every limit is on disk, what was measured too, and the rest is named with its old usage', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-large', { kadaluBytes: 9000n }).disk.size = 800n;
    brick.addPv('pvc-small', { kadaluBytes: 9000n }).disk.size = 10n;
    brick.addPv('pvc-later', { kadaluBytes: 9000n }).disk.size = 900n;
    const deadline = new AbortController();
    const report = await settle(brick, {
      deadline: deadline.signal,
      measure: async (path) => {
        if (path.endsWith('pvc-small')) return { counterBytes: 20n, files: 1, incomplete: undefined };
        deadline.abort();
        throw new AgentError('Aborted', 'given up');
      },
    });
    expect(outcomes(report)).toEqual({ 'pvc-large': 'NotMeasured', 'pvc-later': 'NotMeasured', 'pvc-small': 'Exact' });
    expect(brick.at('pvc-large').disk).toMatchObject({ namespace: true, limit: 9000n, size: 800n });
    expect(brick.at('pvc-later').disk).toMatchObject({ namespace: true, limit: 9000n, size: 900n });
    expect(brick.at('pvc-small').disk.size).toBe(20n);
    expect(report.pvs[0]?.message).toContain('the time was up');
  });

  it('does not write a sum that misses something', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1', { kadaluBytes: 9000n }).disk.size = 800n;
    const report = await settle(brick, {
      measure: async () => ({ counterBytes: 1n, files: 1, incomplete: '1 directories unreadable: EIO' }),
    });
    expect(report.pvs).toMatchObject([{ outcome: 'NotMeasured', measuredBytes: undefined, sizeBytes: 800n }]);
    expect(report.pvs[0]?.message).toContain('EIO');
    expect(brick.at('pvc-1').disk.size).toBe(800n);
  });

  it('only looks when asked to, and finds each thing that is not as wanted', async () => {
    const brick = new FakeBrick();
    const of = (pv: string) => brick.addPv(pv, { kadaluBytes: 9000n }).disk;
    Object.assign(of('pvc-right'), { namespace: true, limit: 9000n, size: 5000n });
    Object.assign(of('pvc-limit'), { namespace: true, limit: 9001n, size: 5000n });
    Object.assign(of('pvc-namespace'), { limit: 9000n, size: 5000n });
    Object.assign(of('pvc-usage'), { namespace: true, limit: 9000n, size: 4999n });
    const report = await settle(brick, { write: false });
    expect(outcomes(report)).toEqual({
      'pvc-limit': 'Differs',
      'pvc-namespace': 'Differs',
      'pvc-right': 'Exact',
      'pvc-usage': 'Differs',
    });
    expect(brick.calls).not.toContain('write');
  });

  it('names a PV whose directory is not here, and goes on with the others', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1', { kadaluBytes: 9000n });
    brick.inventory = async () => ({
      places: [
        { pv: 'pvc-0', path: 'subvol/ab/cd/pvc-0', kadaluBytes: 9000n },
        { pv: 'pvc-1', path: 'subvol/ab/cd/pvc-1', kadaluBytes: 9000n },
      ],
      refusals: [],
    });
    expect(outcomes(await settle(brick))).toEqual({ 'pvc-0': 'Missing', 'pvc-1': 'Exact' });
  });

  it('fails as a whole when the brick hangs', async () => {
    const brick = new FakeBrick();
    brick.addPv('pvc-1', { kadaluBytes: 9000n });
    brick.failures.set('write', new AgentError('BrickHung', 'no answer'));
    await expect(settle(brick)).rejects.toMatchObject({ code: 'BrickHung' });
  });
});
