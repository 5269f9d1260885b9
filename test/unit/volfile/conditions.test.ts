import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeVolfile, type ConditionFacts } from '../../../src/volfile/conditions.ts';
import { WHOLE_FILE, type Problem } from '../../../src/volfile/problem.ts';
import type { Outcome, Reason } from '../../../src/volfile/status.ts';
import type { TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, setOf } from './fake-gluster.ts';
import { edit, sample } from './samples.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const ERROR: Problem = { id: 'VF101', severity: 'error', ...WHOLE_FILE, message: 'no auth-path', remedy: 'add it' };

function facts(outcome: Outcome, reason: Reason, rest: Partial<ConditionFacts> = {}): ConditionFacts {
  return {
    process: 'brick',
    file: 'brick.vol',
    wantedHash: B,
    runningHash: A,
    outcome,
    reason,
    message: 'in words',
    problems: [],
    changes: [],
    differences: [],
    since: 0,
    lastReload: undefined,
    lastSuccessAt: undefined,
    reloads: { succeeded: 0, failed: 0 },
    restarts: { succeeded: 0, failed: 0 },
    restartWaitsFor: undefined,
    history: [],
    ...rest,
  };
}

/** In the order of the documentation, as one letter each. */
function letters(of: ConditionFacts, staged?: { hash: string | undefined }): string {
  return judgeVolfile(of, staged)
    .map(({ type, status }) => `${type}=${status[0]}`)
    .join(' ');
}

const CHANGE = { volume: 'v', type: 'a/b', key: 'k', from: '1', to: '2', live: 'logged' } as const;

describe('judgeVolfile', () => {
  it.each<[Outcome, Reason, Partial<ConditionFacts>, string]>([
    [
      'Pending',
      'NotLookedYet',
      { wantedHash: undefined, runningHash: undefined },
      'Valid=U InForce=U RestartRequired=U',
    ],
    ['Applied', 'ValuesSeen', { runningHash: B }, 'Valid=T InForce=T RestartRequired=F'],
    ['Unchanged', 'SameMeaning', {}, 'Valid=T InForce=T RestartRequired=F'],
    ['RestartRequired', 'TopologyChanged', {}, 'Valid=T InForce=F RestartRequired=T'],
    ['RestartRequired', 'HalfApplied', { runningHash: undefined }, 'Valid=T InForce=F RestartRequired=T'],
    ['RestartRequired', 'Poisoned', { runningHash: undefined }, 'Valid=T InForce=U RestartRequired=T'],
    ['Rejected', 'LintError', { problems: [ERROR] }, 'Valid=F InForce=F RestartRequired=F'],
    ['Rejected', 'LintError', { problems: [ERROR], runningHash: undefined }, 'Valid=F InForce=U RestartRequired=F'],
    ['Rejected', 'LintError', { problems: [ERROR], runningHash: B }, 'Valid=F InForce=T RestartRequired=F'],
    ['Rejected', 'FileMissing', { wantedHash: undefined }, 'Valid=F InForce=F RestartRequired=F'],
    ['Unverified', 'RunningGraphUnknown', { runningHash: undefined }, 'Valid=T InForce=U RestartRequired=U'],
    ['Unverified', 'NoEvidence', {}, 'Valid=T InForce=U RestartRequired=U'],
    ['Pending', 'ProcessNotRunning', { runningHash: undefined }, 'Valid=T InForce=F RestartRequired=F'],
    ['Pending', 'JustStarted', { changes: [CHANGE] }, 'Valid=T InForce=F RestartRequired=U'],
    ['Pending', 'JustStarted', { runningHash: undefined }, 'Valid=T InForce=U RestartRequired=U'],
    ['Pending', 'Restarting', {}, 'Valid=T InForce=F RestartRequired=T'],
    ['Failed', 'RestartFailed', {}, 'Valid=T InForce=F RestartRequired=T'],
    ['Failed', 'ProcessDied', {}, 'Valid=T InForce=F RestartRequired=U'],
    ['Failed', 'NotAnswering', { runningHash: B }, 'Valid=T InForce=U RestartRequired=U'],
    ['Failed', 'StagingFailed', { runningHash: undefined }, 'Valid=T InForce=U RestartRequired=U'],
    ['Unchanged', 'Served', { process: 'client', runningHash: B }, 'Valid=T InForce=T'],
    ['Pending', 'BrickUnsettled', { process: 'client', runningHash: B }, 'Valid=T InForce=U'],
    ['Pending', 'NotYetVisible', { process: 'client' }, 'Valid=T InForce=F'],
  ])('%s/%s %j: %s', (outcome, reason, rest, expected) => {
    expect(letters(facts(outcome, reason, rest))).toBe(expected);
  });

  it.each<[Outcome, Reason, Partial<ConditionFacts>, string | undefined, string]>([
    ['Applied', 'ValuesSeen', {}, B, 'True AsWanted'],
    ['Rejected', 'LintError', { problems: [ERROR] }, A, 'False LastGoodKept'],
    ['Rejected', 'FileMissing', { wantedHash: undefined }, A, 'False LastGoodKept'],
    ['Failed', 'RestartFailed', {}, A, 'False LastGoodBack'],
    ['Failed', 'StagingFailed', {}, A, 'False StagingFailed'],
    ['Rejected', 'SyntaxError', { problems: [ERROR] }, undefined, 'False NothingStaged'],
    ['Pending', 'NotLookedYet', { wantedHash: undefined }, undefined, 'Unknown NotLookedYet'],
  ])('%s/%s %j with %s staged: %s', (outcome, reason, rest, hash, expected) => {
    const staged = judgeVolfile(facts(outcome, reason, rest), { hash }).find(({ type }) => type === 'Staged');
    expect(`${staged?.status} ${staged?.reason}`).toBe(expected);
  });

  it('says what a restart waits for', () => {
    const waits = facts('RestartRequired', 'TopologyChanged', { restartWaitsFor: 'PeerDown: brick 2' });
    expect(judgeVolfile(waits, undefined).at(-1)?.message).toContain('PeerDown: brick 2');
  });

  it('never shows what is not known as fine, and contradicts itself in nothing', () => {
    const outcomes: Outcome[] = [
      'Applied',
      'Unchanged',
      'RestartRequired',
      'Rejected',
      'Unverified',
      'Pending',
      'Failed',
    ];
    const reasons: Reason[] = ['Poisoned', 'NotAnswering', 'StagingFailed', 'JustStarted', 'Restarting', 'NoEvidence'];
    const hash = fc.constantFrom(A, B, undefined);
    fc.assert(
      fc.property(
        fc.constantFrom(...outcomes),
        fc.constantFrom(...reasons),
        hash,
        hash,
        fc.boolean(),
        (outcome, reason, wantedHash, runningHash, isBad) => {
          const of = facts(outcome, reason, { wantedHash, runningHash, problems: isBad ? [ERROR] : [] });
          const status = new Map(judgeVolfile(of, undefined).map(({ type, status: is }) => [type, is]));
          const isProven = wantedHash !== undefined && runningHash === wantedHash;
          const mayBeInForce =
            outcome === 'Applied' || outcome === 'Unchanged' || (isProven && outcome !== 'Unverified');
          expect(status.get('InForce') === 'True' && !mayBeInForce).toBe(false);
          expect(status.get('Valid') === 'True').toBe(!isBad && wantedHash !== undefined);
        },
      ),
    );
  });
});

describe('the conditions of a process', () => {
  const FIRST = sample('replica-brick.vol');
  const TREE = edit(FIRST, 'features/locks', 'features/upcall');
  let gluster: FakeGluster;
  let target: TargetState;
  beforeEach(() => {
    gluster = new FakeGluster();
    target = gluster.target();
  });
  afterEach(() => gluster.dispose());

  async function see(text: string, changedAt: number): Promise<void> {
    gluster.writeFile(text);
    await target.pass(setOf('brick.vol', text, changedAt), new AbortController().signal);
  }

  function condition(type: string) {
    return target.status.conditions.find((candidate) => candidate.type === type);
  }

  it('are Unknown at first, know when they turned, and of which file they speak', async () => {
    expect(target.status.conditions.map(({ status }) => status)).toEqual(['Unknown', 'Unknown', 'Unknown']);
    expect(condition('Valid')?.observedGeneration).toBe(0);
    gluster.start(1000, FIRST);
    await see(FIRST, NOW - 2_000_000);
    const first = condition('InForce');
    expect(first).toMatchObject({ status: 'True', reason: 'SameFile', observedGeneration: 1 });
    gluster.advance(60_000);
    await see(FIRST, NOW - 2_000_000);
    expect(condition('InForce')).toEqual(first);
    await see(TREE, NOW);
    expect(condition('InForce')).toMatchObject({ status: 'False', reason: 'TopologyChanged', observedGeneration: 2 });
    expect(condition('InForce')?.lastTransitionTime).not.toBe(first?.lastTransitionTime);
    expect(condition('RestartRequired')).toMatchObject({ status: 'True', observedGeneration: 2 });
    expect(condition('Valid')?.lastTransitionTime).toBe(first?.lastTransitionTime);
    // The same content again is another wish.
    await see(FIRST, NOW);
    expect(condition('InForce')).toMatchObject({ status: 'True', observedGeneration: 3 });
  });
});
