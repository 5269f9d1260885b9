import { expect, it } from 'vitest';
import { healSnapshot, processSnapshots } from '../../../src/agent/snapshots.ts';
import type { Agent } from '../../../src/agent/agent.ts';
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

it.each([
  ['has answered last', { lastAnswerAt: 1, missing: undefined, doubt: undefined }, true, true],
  ['is silent', { lastAnswerAt: 1, missing: { kind: 'silent' }, doubt: undefined }, true, false],
  ['has never answered', { lastAnswerAt: undefined, missing: { kind: 'closed' }, doubt: undefined }, true, false],
  ['was not asked yet', { lastAnswerAt: undefined, missing: undefined, doubt: undefined }, true, undefined],
  ['cannot be asked', { lastAnswerAt: 1, missing: undefined, doubt: 'EACCES' }, true, undefined],
  ['is not meant to be', { lastAnswerAt: 1, missing: undefined, doubt: undefined }, false, undefined],
])('a self-heal daemon that %s', (_what, view, shdExpected, up) => {
  const operations = [
    { kind: 'index', state: 'Running' },
    { kind: 'full', state: 'Failed' },
  ];
  const heal = { status: () => ({ operations }), outcomes: { index: {}, full: { Failed: 1 } } };
  const parts = { config: { shdExpected }, watch: { shd: { contact: { view } } }, heal, healLinks: undefined };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the members that it reads
  expect(healSnapshot(parts as unknown as Agent)).toMatchObject({
    daemonUp: up,
    operations: { running: [{ kind: 'index' }], ended: { full: { Failed: 1 } } },
  });
});
