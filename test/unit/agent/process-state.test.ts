import { expect, it } from 'vitest';
import { processState } from '../../../src/agent/process-state.ts';
import { healthCheckAt } from '../../../src/agent/snapshots.ts';
import { GONE, proof } from '../../support/doctor-facts.ts';

const OTHER = { ok: false, reason: 'WrongExecutable', message: 'somebody else' } as const;

it.each([
  ['proven', proof(7), false, 'Running'],
  ['gone and silent', GONE, false, 'Down'],
  ['gone as far as the pid file tells, and answering', GONE, true, 'Unknown'],
  ['another one by its pid, and answering', OTHER, true, 'Unknown'],
  ['another one by its pid, and silent', OTHER, false, 'Unknown'],
  ['not looked at yet', undefined, true, 'Unknown'],
])('a process that is %s', (_what, seen, answers, state) => {
  expect(processState({ proof: seen }, answers).state).toBe(state);
});

it('says that it answers', () => {
  expect(processState({ proof: OTHER }, true).message).toBe('it answers, and cannot be seen: somebody else');
});

it.each([
  ['wrote since it bound its socket', 2000, 3000, 3000],
  ['has not written since it bound its socket', 3000, 2000, undefined],
  ['is not known by its socket either', undefined, 2000, 2000],
])('a health check is that of an unseen brick which %s', (_what, boundAt, writtenAt, shown) => {
  const views = [{ process: 'brick' as const, proof: GONE, stats: undefined, boundAt, restarts: 0 }];
  const monitor = { healthCheckAt: writtenAt };
  expect(healthCheckAt({ monitor, processes: { views } })).toBe(shown);
});
