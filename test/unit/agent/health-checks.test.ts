import { expect, it } from 'vitest';
import { readinessChecks } from '../../../src/agent/health-checks.ts';
import { formatReport, runChecks } from '../../../src/agent/health.ts';
import { systemClock } from '../../../src/lib/clock.ts';

it.each([
  [
    'nobody has looked yet',
    { hasSynced: false, isBrickSynced: false },
    true,
    'the first pass over the PVs is not done',
  ],
  ['all was looked at', { hasSynced: true, isBrickSynced: true }, true, undefined],
  ['the brick has started since', { hasSynced: true, isBrickSynced: false }, true, 'connected to anew'],
  ['the brick is down, which another check tells', { hasSynced: true, isBrickSynced: false }, false, undefined],
])('of the limits: %s', (_what, quota, isUp, reason) => {
  const checks = readinessChecks({
    worker: { hungSince: undefined },
    monitor: { fence: { open: true } },
    brick: { isUp, downReason: isUp ? undefined : 'refused' },
    quota,
    apiListens: () => true,
    tls: undefined,
    clock: systemClock,
  });
  const report = runChecks(checks, new Set(['brick-connection']));
  expect(report.ok).toBe(reason === undefined);
  expect(formatReport('readyz', report)).toContain(reason ?? '[+]quota-synced ok\n');
});
