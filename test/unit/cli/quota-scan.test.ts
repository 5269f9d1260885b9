import { describe, expect, it } from 'vitest';
import type { ScanStatusView } from '../../../src/agent/http/schemas.ts';
import { progressLine } from '../../../src/cli/commands/quota-scan.ts';

const RUNNING: NonNullable<ScanStatusView['running']> = {
  pv: 'pvc-1',
  startedAt: '2026-01-02T03:04:05.000Z',
  files: 500,
  diskBytes: String(3 * 1024 ** 3),
  filesPerSecond: 250.4,
  totalFiles: 1000,
  etaSeconds: 2,
};

function status(running: ScanStatusView['running']): ScanStatusView {
  return { running, requested: [], failed: [], cancelled: [] };
}

describe('progressLine', () => {
  it('shows the part that is done, with the time that is left', () => {
    expect(progressLine(status(RUNNING), 2, 3)).toBe(
      `[${'#'.repeat(15)}${'.'.repeat(15)}] 2/3 pvc-1: 500 files, 3 GiB, 250/s, 2.0 s left`,
    );
  });

  it('promises nothing about a PV that was never scanned, and never more than everything', () => {
    const first = { ...RUNNING, totalFiles: null, etaSeconds: null };
    expect(progressLine(status(first), 1, 1)).toBe(`[${'.'.repeat(30)}] 1/1 pvc-1: 500 files, 3 GiB, 250/s`);
    expect(progressLine(status({ ...RUNNING, files: 9000 }), 3, 3)).toContain(`[${'#'.repeat(30)}]`);
    expect(progressLine(status(null), 1, 2)).toBe(`[${'.'.repeat(30)}] 1/2`);
  });

  it('lets no name of a PV reach the terminal as it is', () => {
    expect(progressLine(status({ ...RUNNING, pv: '\u{1b}[2J' }), 1, 1)).not.toContain('\u{1b}');
  });
});
