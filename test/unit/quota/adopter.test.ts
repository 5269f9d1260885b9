import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Adopter, type AdoptPorts, type AdoptResult, type AdoptStep } from '../../../src/quota/adopter.ts';
import type { AuditTarget } from '../../../src/quota/audit.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const signal = new AbortController().signal;
const TARGET: AuditTarget = { pv: 'pvc-1', path: 'subvol/ab/cd/pvc-1', gfid: 'g' };

/** A set of bricks: what is outside on each, and what holds. */
class FakeSet implements AdoptPorts {
  readonly calls: string[] = [];
  /** Thrown by the call of that name. */
  failures = new Map<string, Error>();
  begun = false;
  locked = false;
  entered = false;
  why: string | undefined;
  /** Still outside after each round of files. */
  outside = [0];
  repaired: string[] = [];
  movedUnlocked = false;

  async own(step: AdoptStep): Promise<AdoptResult> {
    await this.#called(`own ${step}`);
    if (step === 'directories' && !this.locked) this.movedUnlocked = true;
    return { moved: step === 'directories' ? 3 : 0, wrong: step === 'files' ? (this.outside.shift() ?? 0) : 0 };
  }

  async others(step: AdoptStep): Promise<AdoptResult[]> {
    await this.#called(`others ${step}`);
    // The other bricks take longer; the lock must hold for them, too.
    await Promise.resolve();
    if (step === 'directories' && !this.locked) this.movedUnlocked = true;
    return [{ moved: step === 'directories' ? 2 : 0, wrong: 0 }];
  }

  async enter(): Promise<string | undefined> {
    await this.#called('enter');
    this.entered = this.why === undefined;
    return this.why;
  }

  leave(): void {
    this.entered = false;
  }

  async lock(): Promise<() => Promise<void>> {
    await this.#called('lock');
    this.locked = true;
    return async () => {
      this.locked = false;
    };
  }

  async journal(_target: AuditTarget, begun: boolean): Promise<void> {
    await this.#called(`journal ${begun}`);
    this.begun = begun;
  }

  repair(pv: string): void {
    this.repaired.push(pv);
  }

  async #called(name: string): Promise<void> {
    await Promise.resolve();
    this.calls.push(name);
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
  }
}

let set: FakeSet;
let clock: ManualClock;
let wrong: number;
let isNested: boolean;

function create(options: { automatic?: boolean; refusal?: string } = {}): Adopter {
  return new Adopter({
    ports: set,
    targets: () => [{ ...TARGET, begun: set.begun, wrong, isNested }],
    refusal: options.refusal,
    automatic: options.automatic ?? false,
    clock,
    log: silentLog,
    wake: () => undefined,
  });
}

beforeEach(() => {
  set = new FakeSet();
  clock = new ManualClock();
  wrong = 0;
  isNested = false;
});

const STEPS = [
  'own check',
  'others check',
  'journal true',
  'lock',
  'own directories',
  'others directories',
  'own files',
  'others files',
  'journal false',
];

describe('Adopter', () => {
  it('touches no PV with a namespace inside, neither on request nor by itself', async () => {
    isNested = true;
    wrong = 2;
    const adopter = create({ automatic: true });
    expect(() => adopter.start('pvc-1')).toThrow('namespace of its own');
    await adopter.pass(signal);
    expect(set.calls).toEqual([]);
  });

  it('asks, remembers, moves directories under lock, then files, forgets, and has the counter set right', async () => {
    const adopter = create();
    expect(adopter.start('pvc-1')).toMatchObject({ state: 'Pending' });
    await adopter.pass(signal);
    expect(set.calls).toEqual(['enter', ...STEPS]);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Succeeded', step: 'Done', directories: 5, wrong: 0 });
    expect(set).toMatchObject({ begun: false, locked: false, entered: false, movedUnlocked: false });
    expect(set.repaired).toEqual(['pvc-1']);
    expect(adopter.stats).toEqual({ succeeded: 1, failed: 0 });
  });

  it.each(STEPS)(
    'holds nothing when %s fails, and does it again from the journal, also as another agent',
    async (step) => {
      set.failures.set(step, new AgentError('RpcDisconnected', 'gone'));
      const adopter = create();
      adopter.start('pvc-1');
      await adopter.pass(signal);
      expect(adopter.get('pvc-1')).toMatchObject({ state: 'Failed', message: 'gone' });
      expect(set).toMatchObject({ locked: false, entered: false, movedUnlocked: false });
      const wasBegun = set.begun;
      expect(wasBegun).toBe(!['own check', 'others check', 'journal true'].includes(step));
      set.failures.clear();
      const next = create();
      await next.pass(signal);
      expect(set.begun).toBe(false);
      expect(next.get('pvc-1')?.state).toBe(wasBegun ? 'Succeeded' : undefined);
    },
  );

  it('tries a failed one again only after a while', async () => {
    set.failures.set('own files', new AgentError('Timeout', 'slow'));
    const adopter = create();
    adopter.start('pvc-1');
    await adopter.pass(signal);
    set.failures.clear();
    await adopter.pass(signal);
    expect(set.begun).toBe(true);
    await clock.advance(30_000);
    await adopter.pass(signal);
    expect(set.begun).toBe(false);
  });

  it('goes round again for what was made meanwhile, and says so when that does not end', async () => {
    set.outside = [2, 0];
    const adopter = create();
    adopter.start('pvc-1');
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Succeeded', directories: 10 });
    set.outside = [1, 1, 1];
    adopter.start('pvc-1');
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Failed', wrong: 1 });
    expect(set.begun).toBe(false);
    expect(set.repaired).toEqual(['pvc-1']);
  });

  it('waits while the set is not whole, and goes on by itself', async () => {
    set.why = 'PeerDown: brick 2';
    const adopter = create();
    adopter.start('pvc-1');
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({
      state: 'Waiting',
      message: 'PeerDown: brick 2',
      finishedAt: undefined,
    });
    expect(adopter.start('pvc-1').state).toBe('Waiting');
    await adopter.pass(signal);
    expect(set.calls).toEqual(['enter']);
    // Asked again soon at first, as a write in flight is over in a moment, and then every 5 to 10 s.
    for (let second = 0; second < 120; second += 1) {
      await clock.advance(1000);
      await adopter.pass(signal);
    }
    expect(set.calls.length).toBeGreaterThan(12);
    expect(set.calls.length).toBeLessThan(26);
    expect(adopter.get('pvc-1')).toMatchObject({ startedAt: clock.now() - 120_000 });
    const again = (adopter.get('pvc-1')?.againAt ?? 0) - clock.now();
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThanOrEqual(10_000);
    set.why = undefined;
    await clock.advance(10_000);
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')?.state).toBe('Succeeded');
  });

  it('begins by itself only where that is configured and an audit has found something', async () => {
    wrong = 4;
    await create().pass(signal);
    expect(set.calls).toEqual([]);
    const adopter = create({ automatic: true });
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')?.state).toBe('Succeeded');
    const calls = set.calls.length;
    await adopter.pass(signal);
    expect(set.calls).toHaveLength(calls);
    wrong = 0;
    await clock.advance(600_000);
    await adopter.pass(signal);
    expect(set.calls).toHaveLength(calls);
  });

  it('does it again soon when more has come to be outside since, as by a second heal', async () => {
    wrong = 1;
    const adopter = create({ automatic: true });
    await adopter.pass(signal);
    expect(adopter.stats.succeeded).toBe(1);
    await clock.advance(29_000);
    await adopter.pass(signal);
    expect(adopter.stats.succeeded).toBe(1);
    await clock.advance(1_000);
    await adopter.pass(signal);
    expect(adopter.stats.succeeded).toBe(2);
  });

  it('tries one that fails again and again ever more seldom, and says when', async () => {
    wrong = 1;
    set.outside = Array.from({ length: 100 }, () => 1);
    const adopter = create({ automatic: true });
    for (let second = 0; second < 1_200; second += 1) {
      await adopter.pass(signal);
      await clock.advance(1_000);
    }
    expect(adopter.stats.failed).toBeGreaterThan(4);
    expect(adopter.stats.failed).toBeLessThan(12);
    const { state, againAt = 0 } = adopter.get('pvc-1') ?? {};
    expect(state).toBe('Failed');
    expect(againAt).toBeGreaterThan(clock.now() - 1_000);
    // Over without it.
    wrong = 0;
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Failed', againAt: undefined });
    // On request it is not tried again by itself.
    wrong = 1;
    const asked = create();
    asked.start('pvc-1');
    await asked.pass(signal);
    expect(asked.get('pvc-1')).toMatchObject({ state: 'Failed', againAt: undefined });
  });

  it('waits for nothing that is over: another agent has led, but what was asked for is done', async () => {
    wrong = 2;
    set.why = 'PeerStopping: brick 0 is about to be stopped';
    const adopter = create({ automatic: true });
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Waiting' });
    wrong = 0;
    await clock.advance(10_000);
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toBeUndefined();
    expect(set.calls).toEqual(['enter']);
    adopter.start('pvc-1');
    await adopter.pass(signal);
    set.why = undefined;
    await clock.advance(10_000);
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Succeeded' });
  });

  it('says why it does not do by itself what it would', async () => {
    const adopter = create({ automatic: true, refusal: 'not on Disperse' });
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toBeUndefined();
    wrong = 1;
    await adopter.pass(signal);
    expect(adopter.get('pvc-1')).toMatchObject({ state: 'Failed', message: 'not on Disperse', againAt: undefined });
    expect(set.calls).toEqual([]);
  });

  it('refuses what cannot be', async () => {
    expect(() => create().start('pvc-2')).toThrow(/no PV/);
    expect(() => create({ refusal: 'not on Disperse' }).start('pvc-1')).toThrow('not on Disperse');
  });
});
