import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import { planChange } from '../../../src/volfile/plan.ts';
import { hasErrors } from '../../../src/volfile/problem.ts';
import type { RestartPorts } from '../../../src/volfile/restart.ts';
import { MIN_PROCESS_AGE_MS, TargetState } from '../../../src/volfile/target.ts';
import { FakeGluster, NOW, setOf, sha, type HupBehaviour } from '../../unit/volfile/fake-gluster.ts';
import { BRICK_CONTEXT, BRICK_PATH, edit, graphOf, sample } from '../../unit/volfile/samples.ts';

const A = sample('replica-brick.vol');
const B = edit(A, 'thread-count 16', 'thread-count 32');

/** What may be put into the ConfigMap; the first four are files that a process can start with. */
const FILES = [
  A,
  B,
  edit(B, 'option count-fop-hits on', ''),
  edit(A, 'features/locks', 'features/posix-locks'),
  edit(B, 'listen-port 24007', 'listen-port 24008'),
  edit(B, `option auth-path ${BRICK_PATH}`, 'option trace off'),
  edit(A, 'thread-count 16', 'thread-count 9999'),
  `${A}garbage\n`,
  A.slice(0, A.length / 2),
  '',
];
const STARTABLE = 4;

// The two that leave something behind come more often.
const BEHAVIOURS: HupBehaviour[] = ['refuse', 'poison', 'reconfigure', 'quiet', 'die', 'refuse', 'poison', 'blind'];

type Step = { after: number } & (
  | { do: 'file'; index: number }
  | { do: 'restart'; index: number; logsGraph: boolean }
  | { do: 'end' }
  | { do: 'hup'; behaviour: HupBehaviour }
  | { do: 'probe'; answers: boolean }
  | { do: 'gate'; refuses: boolean }
  | { do: 'wait' }
);

/** Milliseconds: within the time in which a process may read its file, a pass, and long. */
const after = fc.constantFrom(100, 1500, 11_000, 50_000, 100_000);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      after,
      do: fc.constant('file' as const),
      index: fc.oneof(fc.nat(STARTABLE - 1), fc.nat(FILES.length - 1)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      after,
      do: fc.constant('restart' as const),
      index: fc.nat(STARTABLE - 1),
      logsGraph: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ after, do: fc.constant('end' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ after, do: fc.constant('hup' as const), behaviour: fc.constantFrom(...BEHAVIOURS) }),
  },
  { weight: 1, arbitrary: fc.record({ after, do: fc.constant('probe' as const), answers: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ after, do: fc.constant('gate' as const), refuses: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ after, do: fc.constant('wait' as const) }) },
);

/** A brick, its file, and somebody who breaks both; and what must hold whatever they do. */
class World {
  readonly gluster = new FakeGluster();
  readonly #target: TargetState;
  #file = A;
  #changedAt = NOW - 2_000_000;
  #startedAt = NOW - 1_000_000;
  #poisoned = false;
  #signals = 0;
  #refuses = false;
  #isHeld = false;

  /** @param automatic whether the agent may restart the brick */
  constructor(automatic: boolean) {
    const { gluster } = this;
    gluster.onHup = (seen, loaded) => this.#onHup(seen, loaded);
    gluster.onTerm = (seen) => this.#onTerm(seen);
    const restart: RestartPorts = {
      enter: async () => {
        await Promise.resolve();
        if (this.#isHeld) throw new Error('claimed twice');
        this.#isHeld = !this.#refuses;
        return this.#refuses ? 'another brick is down' : undefined;
      },
      leave: () => {
        this.#isHeld = false;
      },
    };
    this.#target = new TargetState(
      {
        process: 'brick',
        file: 'brick.vol',
        pidFile: gluster.pidFile,
        logFile: gluster.logFile,
        socket: gluster.socket,
        restart: automatic ? restart : undefined,
      },
      {
        glusterVersion: () => '11',
        clock: gluster.clock,
        log: silentLog,
        system: gluster.system,
      },
    );
    gluster.start(1000, A);
  }

  do(next: Step): void {
    const { gluster } = this;
    gluster.advance(next.after);
    if (next.do === 'file') this.#put(next.index);
    if (next.do === 'end') gluster.end();
    if (next.do === 'hup') gluster.hup = next.behaviour;
    if (next.do === 'probe') gluster.probe = next.answers;
    if (next.do === 'gate') this.#refuses = next.refuses;
    if (next.do !== 'restart') return;
    // Bricks start with files that they can read.
    this.#put(next.index);
    gluster.advance(200);
    this.#startedAt = gluster.now;
    this.#poisoned = false;
    gluster.start(0, this.#file, next.logsGraph);
  }

  /** Two passes over one state of the world: the second has nothing left to do. */
  async pass(): Promise<void> {
    const { signal } = new AbortController();
    const set = setOf('brick.vol', this.#file, this.#changedAt);
    const before = this.#signals;
    await this.#target.pass(set, signal);
    const between = this.#signals;
    await this.#target.pass(set, signal);
    if (between > before + 1) throw new Error('several signals for one change');
    if (this.#signals > between && this.gluster.hup !== 'blind') throw new Error('the same file was sent twice');
    if (this.#isHeld !== this.#target.isRestarting)
      throw new Error('a claim without a restart, or the other way round');
    this.#checkClaims();
  }

  #put(index: number): void {
    const text = FILES[index] ?? A;
    if (text !== this.#file) this.#changedAt = this.gluster.now;
    this.#file = text;
    this.gluster.writeFile(text);
  }

  #onHup(seen: string, loaded: string): void {
    this.#signals += 1;
    const linted = lintVolfile(Buffer.from(seen), BRICK_CONTEXT);
    if (hasErrors(linted.problems)) throw new Error('a bad file was sent');
    if (planChange(graphOf(loaded), linted).kind === 'topology') throw new Error('another tree was sent');
    if (this.#poisoned) throw new Error('a poisoned process was signalled');
    if (this.gluster.clock.time - this.#startedAt < MIN_PROCESS_AGE_MS)
      throw new Error('a starting process was signalled');
    this.#poisoned = this.gluster.hup === 'poison';
  }

  #onTerm(seen: string): void {
    const { problems } = lintVolfile(Buffer.from(seen), BRICK_CONTEXT);
    if (hasErrors(problems)) throw new Error('ended for a bad file');
    if (seen === this.gluster.loaded && !this.#poisoned && this.gluster.hup !== 'refuse')
      throw new Error('ended for the file that it runs');
    if (!this.#isHeld) throw new Error('ended without being allowed');
    if (this.gluster.clock.time - this.#startedAt < MIN_PROCESS_AGE_MS) throw new Error('ended while it starts');
  }

  #checkClaims(): void {
    const { outcome, runningHash, wantedHash } = this.#target.status;
    const loaded = sha(this.gluster.loaded);
    if (runningHash !== undefined && runningHash !== loaded) throw new Error('claims to run another file');
    if (outcome === 'Applied' && wantedHash !== loaded) throw new Error('claims to be applied');
    if (outcome === 'Unchanged' && wantedHash !== loaded) throw new Error('claims to run this file');
  }
}

async function play(steps: readonly Step[], automatic: boolean): Promise<void> {
  const world = new World(automatic);
  try {
    for (const next of steps) {
      world.do(next);
      await world.pass();
    }
  } finally {
    world.gluster.dispose();
  }
}

describe('TargetState', () => {
  it('never sends what could hurt, nor claims what is not so', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), fc.boolean(), play);
    await expect(fc.assert(property, { numRuns: 100 })).resolves.toBeUndefined();
    // A hundred plays of up to 16 steps: many times as long on a machine that is busy with bricks.
  }, 120_000);
});
