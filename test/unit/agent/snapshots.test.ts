import { expect, it } from 'vitest';
import { processSnapshots } from '../../../src/agent/snapshots.ts';
import { GONE, proof } from '../../support/doctor-facts.ts';

it.each([
  ['proven', proof(7), true, true],
  ['proven, and silent', proof(7), false, true],
  ['gone', GONE, false, false],
  ['answering from where it is not to be seen', GONE, true, undefined],
  ['doubtful', { ok: false, reason: 'WrongExecutable', message: '' } as const, false, undefined],
  ['not looked at yet', undefined, false, undefined],
])('a process that is %s', (_what, seen, answers, up) => {
  const views = [{ process: 'brick' as const, proof: seen, stats: undefined, restarts: 0 }];
  const watch = { brick: { answers }, shd: { answers: false } };
  expect(processSnapshots({ processes: { views }, watch })).toMatchObject([{ process: 'brick', up }]);
});

it.each([
  ['is proven', proof(7), false, 3],
  ['is gone', GONE, false, 3],
  ['cannot be seen', GONE, true, undefined],
])('restarts of a process that %s', (_what, seen, answers, restarts) => {
  const views = [{ process: 'brick' as const, proof: seen, stats: undefined, restarts: 3 }];
  const watch = { brick: { answers }, shd: { answers: false } };
  expect(processSnapshots({ processes: { views }, watch })).toMatchObject([{ restarts }]);
});
