/** What is remembered of a process between looks and tries. */
import { beforeEach, describe, expect, it } from 'vitest';
import { judgeAnswers, judgeProcess, judgeStarted } from '../../../src/agent/brick-probes.ts';
import type { ProcessView } from '../../../src/agent/process-monitor.ts';
import { ProcessWatch } from '../../../src/agent/process-watch.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import type { ProofFailure } from '../../../src/process/identity.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PATIENCE = { spanMs: 60_000, staleMs: 36_000 };
const LOST = new AgentError('RpcDisconnected', 'nobody listens');

let clock: ManualClock;
let watch: ProcessWatch;

beforeEach(() => {
  clock = new ManualClock();
  watch = new ProcessWatch({ clock, diskHangs: () => false, heals: () => false });
});

function running(startTicks: number, ageMs: number): ProcessView {
  const process = {
    pid: 7,
    exe: '/usr/sbin/glusterfsd',
    exeDeleted: false,
    startTicks,
    startedAt: clock.now() - ageMs,
    cmdline: [],
    state: 'S',
  };
  return {
    process: 'brick',
    proof: { ok: true, process, evidence: 'lock', pidFileWrittenAt: clock.now() - ageMs },
    stats: undefined,
    restarts: 0,
  };
}

function unproven(reason: ProofFailure): ProcessView {
  return { process: 'brick', proof: { ok: false, reason, message: reason }, stats: undefined, restarts: 0 };
}

/** Looks and tries, ten seconds apart. */
async function spend(seconds: number, view: ProcessView, error: unknown): Promise<void> {
  for (let spent = 0; spent < seconds; spent += 10) {
    await clock.advance(10_000);
    watch.look(view);
    watch.note(error);
  }
}

function verdicts(): { process: boolean; answers: boolean; started: boolean } {
  const facts = watch.facts();
  return {
    process: judgeProcess(facts, PATIENCE).ok,
    answers: judgeAnswers(facts, PATIENCE).ok,
    started: judgeStarted(facts).ok,
  };
}

describe('a brick', () => {
  it('is alive and not started before anything is known', () => {
    expect(verdicts()).toEqual({ process: true, answers: true, started: false });
  });

  it('that is killed is dead after its time, and no sooner', async () => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    expect(verdicts()).toEqual({ process: true, answers: true, started: true });
    await spend(60, unproven('NotRunning'), LOST);
    expect(verdicts().process).toBe(true);
    await spend(10, unproven('NotRunning'), LOST);
    expect(verdicts()).toEqual({ process: false, answers: true, started: false });
  });

  it('that comes back has its start before it again', async () => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    await spend(70, unproven('PidFileMissing'), LOST);
    expect(verdicts().process).toBe(false);
    await spend(70, running(7_000, 1_000), LOST);
    expect(verdicts()).toEqual({ process: true, answers: true, started: false });
    watch.note(undefined);
    expect(verdicts()).toEqual({ process: true, answers: true, started: true });
  });

  it('that is replaced while it answers is started with the next look', async () => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    await clock.advance(10_000);
    watch.note(undefined);
    watch.look(running(800, 2_000));
    expect(verdicts().started).toBe(true);
  });

  it('that falls silent right after its start is not dead because another one was', async () => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    await spend(50, unproven('NotRunning'), LOST);
    await spend(60, running(5_000, 1_000), new AgentError('Timeout', 'silent'));
    expect(verdicts()).toEqual({ process: true, answers: true, started: false });
  });

  it.each<ProofFailure>([
    'PidFileUnreadable',
    'PidFileGarbage',
    'NoPermission',
    'WrongExecutable',
    'PidReused',
    'LockedByOther',
  ])('whose process cannot be told (%s) is never called dead', async (reason) => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    await spend(600, unproven(reason), LOST);
    expect(verdicts()).toMatchObject({ process: true, answers: true });
  });

  it('is gone anew after every time that it could not be told', async () => {
    watch.look(running(100, 1_000));
    watch.note(undefined);
    await spend(50, unproven('NotRunning'), LOST);
    await spend(10, unproven('PidFileUnreadable'), LOST);
    await spend(50, unproven('NotRunning'), LOST);
    expect(verdicts().process).toBe(true);
  });
});
