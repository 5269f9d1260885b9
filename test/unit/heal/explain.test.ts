import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../src/heal/backlog.ts';
import { explain as explainStatus } from '../../../src/heal/child-status.ts';
import type { PendingEntry } from '../../../src/heal/entry.ts';
import { explainHeal, type HealSituation } from '../../../src/heal/explain.ts';
import type { DaemonChild } from '../../../src/heal/ports.ts';
import { counts } from './counts.ts';

const XLATOR = 'vol1-replicate-0';

/** As that of a disperse set, of which nobody is blamed by name. */
function fragment(index: number, isConnected: boolean | undefined): DaemonChild {
  const name = `vol1-client-${index}`;
  return { xlator: 'vol1-disperse-0', child: index, name, pendingName: undefined, isConnected, needed: 2 };
}

function brick(index: number, isConnected: boolean | undefined = true): DaemonChild {
  const name = `vol1-client-${index}`;
  return { xlator: XLATOR, child: index, name, pendingName: name, isConnected };
}

function situation(fields: Partial<HealSituation> = {}, pending = counts(3)): HealSituation {
  const backlog = new Backlog();
  backlog.observe(pending, 0, 0);
  return {
    isDaemonExpected: true,
    daemonTrouble: undefined,
    volfileErrors: [],
    children: [brick(0), brick(1), brick(2)],
    lastAnswer: [],
    sample: [],
    notServing: undefined,
    splitBrains: [],
    behind: [],
    now: 0,
    useOf: () => undefined,
    otherUses: () => new Map(),
    backlog: backlog.view(0),
    self: 'vol1-client-0',
    ...fields,
  };
}

function entry(fields: Partial<PendingEntry> = {}): PendingEntry {
  return {
    gfid: '11111111-1111-4111-8111-111111111111',
    state: 'Pending',
    type: 'file',
    paths: ['/subvol/ab/cd/pvc-1'],
    unknownNames: 0,
    pv: 'pvc-1',
    kinds: ['metadata'],
    blames: [{ child: 'vol1-client-2', isSelf: false, data: 0, metadata: 72, entry: 0 }],
    dirty: undefined,
    disperse: undefined,
    changedAt: 0,
    isNamespace: false,
    ...fields,
  };
}

function reasons(world: HealSituation, object?: PendingEntry, isWaiting = true): string[] {
  return explainHeal(world, object && { entry: object, isWaiting }).map(({ reason }) => reason);
}

describe('explainHeal of the backlog', () => {
  it('says that the next crawl will do it, and what one brick cannot see', () => {
    expect(reasons(situation())).toEqual(['Waiting', 'WaitsForCrawl', 'SeenElsewhereOnly']);
  });

  it('says nothing more when nothing waits', () => {
    expect(reasons(situation({}, counts(0)))).toEqual(['NothingPending']);
    expect(reasons(situation({ isDaemonExpected: false }, counts(0)))).toEqual(['NoHealDaemon', 'NothingPending']);
  });

  it('names a daemon that is down, and one that is not proven but runs', () => {
    const down = { kind: 'Down', message: 'pid 7 is gone' } as const;
    expect(explainHeal(situation({ daemonTrouble: down, children: undefined }))[0]).toMatchObject({
      reason: 'HealDaemonDown',
      severity: 'error',
      message: 'pid 7 is gone',
    });
    const unproven = { kind: 'Unproven', message: 'no permission' } as const;
    expect(reasons(situation({ daemonTrouble: unproven }))).toEqual(['HealDaemonUnproven', 'Waiting']);
    const stopped = { kind: 'Stopped', message: 'pid 7 is stopped' } as const;
    expect(explainHeal(situation({ daemonTrouble: stopped, children: undefined }))[0]).toMatchObject({
      reason: 'HealDaemonStopped',
      severity: 'error',
      remedy: expect.stringContaining('kill -CONT'),
    });
    const frozen = { kind: 'Frozen', message: 'pid 7 is frozen' } as const;
    expect(explainHeal(situation({ daemonTrouble: frozen, children: undefined }))[0]).toMatchObject({
      reason: 'HealDaemonFrozen',
      severity: 'error',
      remedy: expect.stringContaining('cgroup.freeze'),
    });
  });

  it('names each error of its volfile with the remedy', () => {
    const volfileErrors = [{ id: 'VF202', message: 'data-self-heal off', remedy: 'add "option data-self-heal on"' }];
    expect(explainHeal(situation({ volfileErrors }))[0]).toMatchObject({
      reason: 'HealDaemonVolfile',
      message: 'VF202: data-self-heal off',
      remedy: 'add "option data-self-heal on", and restart the self-heal daemon',
    });
  });

  it('names the bricks without a connection, and does not guess about those that it was not told of', () => {
    const children = [brick(0), brick(1, undefined), brick(2, false)];
    const [first, ...others] = explainHeal(situation({ children }));
    expect(first).toMatchObject({ reason: 'BrickNotConnected', message: expect.stringContaining('vol1-client-2') });
    expect(first?.isOwnBrick).toBe(false);
    const [own] = explainHeal(situation({ children: [brick(0, false), brick(1), brick(2)], self: 'vol1-client-0' }));
    expect(own).toMatchObject({ reason: 'BrickNotConnected', isOwnBrick: true });
    expect(others.map(({ reason }) => reason)).toEqual(['Waiting']);
  });

  it('says when too few bricks are left to heal anything from, by what is certain', () => {
    const replicas = [0, 1, 2].map((index) => Object.assign(brick(index, index === 0), { needed: 2 }));
    expect(explainHeal(situation({ children: replicas }))[0]).toMatchObject({
      reason: 'TooFewBricks',
      severity: 'error',
      message: expect.stringContaining('reaches 1 of the 3 bricks of vol1-replicate-0'),
      remedy: 'start one more of them at least',
    });
    const fragments = [fragment(0, undefined), fragment(1, undefined), fragment(2, false)];
    expect(reasons(situation({ children: fragments }))).toEqual(['BrickNotConnected', 'Waiting']);
    fragments[1] = fragment(1, false);
    expect(reasons(situation({ children: fragments }))).toEqual([
      'TooFewBricks',
      'BrickNotConnected',
      'BrickNotConnected',
      'Waiting',
    ]);
    // Of another set it is said by its own agents.
    const own = [0, 1, 2].map((index) => fragment(index, undefined));
    const other = [3, 4, 5].map((index) => Object.assign(fragment(index, false), { xlator: 'vol1-disperse-1' }));
    expect(reasons(situation({ children: [...own, ...other] }))).not.toContain('TooFewBricks');
  });

  it('says that this very brick does not serve, and what the others have that it missed', () => {
    const down = situation({ notServing: 'refused', children: [brick(0, false), brick(1), brick(2)] }, counts(0));
    const [own, link] = explainHeal(down);
    expect(own).toMatchObject({
      reason: 'BrickDown',
      severity: 'error',
      message: expect.stringContaining('(refused)'),
    });
    expect(link?.message).toContain('vol1-client-0 (this brick)');
    const behind = situation({ behind: [{ brickIndex: 1, message: '3 objects wait for heal' }] }, counts(0));
    expect(explainHeal(behind)[0]).toMatchObject({
      reason: 'BehindOther',
      severity: 'warning',
      message: expect.stringMatching(/what brick 1 has: there, 3 objects/),
    });
    expect(reasons(behind, entry())).not.toContain('BehindOther');
  });

  it('says how much is in split-brain, and whether anybody has to decide', () => {
    const told = explainHeal(situation({ splitBrains: [['entry'], ['data', 'metadata']] }));
    expect(told[0]).toMatchObject({
      reason: 'SplitBrain',
      severity: 'error',
      message: expect.stringContaining('2 objects are'),
      remedy: expect.stringContaining('heal resolve'),
    });
    expect(told.map(({ reason }) => reason)).not.toContain('WaitsForCrawl');
    expect(explainHeal(situation({ splitBrains: [['entry']] }))[0]).toMatchObject({
      severity: 'warning',
      message: expect.stringContaining('1 object is'),
      remedy: expect.stringContaining('heal start'),
    });
  });

  it('takes no brick of another pod for its own, where the daemon says that it is remote', () => {
    const lastAnswer = [1, 2].map((child) =>
      explainStatus({ xlator: 'vol1-disperse-0', child, status: 'Brick is remote' }),
    );
    const children = [0, 1, 2].map((index) => fragment(index, undefined));
    expect(reasons(situation({ children, lastAnswer }))).not.toContain('BrickIsRemote');
    lastAnswer.push(explainStatus({ xlator: 'vol1-disperse-0', child: 0, status: 'Brick is remote' }));
    expect(reasons(situation({ children, lastAnswer }))).toContain('BrickIsRemote');
  });

  it('makes no alarm of a brick of another set, where nothing of this one waits for it', () => {
    const other = { ...brick(5, false), xlator: 'vol1-replicate-1' };
    const [own, ...rest] = explainHeal(situation({ children: [brick(0), brick(1, false), brick(2), other] }));
    expect(own).toMatchObject({ severity: 'error', message: expect.stringContaining('vol1-client-1') });
    expect(rest.find(({ reason }) => reason === 'BrickNotConnected')).toMatchObject({
      severity: 'info',
      message: expect.stringContaining('vol1-client-5 of vol1-replicate-1, another set'),
    });
    expect(reasons(situation({ children: [brick(0), other] }))).toContain('WaitsForCrawl');
  });

  it('names what keeps some of the backlog, and then no crawl is waited for', () => {
    const use = { usedBytes: 2n, limitBytes: 1n };
    const full = situation({ sample: [entry({ kinds: ['data'] })], useOf: () => use });
    expect(reasons(full)).toEqual(['PvOverLimit', 'Waiting']);
  });

  it('says that the daemon does not answer', () => {
    expect(reasons(situation({ children: { error: 'no answer within 8 s' } }))).toEqual([
      'HealDaemonSilent',
      'Waiting',
    ]);
  });

  it('takes "Brick is remote" for a fault of our own brick only', () => {
    const remote = (child: number) => explainStatus({ xlator: XLATOR, child, status: 'Brick is remote' });
    expect(reasons(situation({ lastAnswer: [remote(1), remote(2)] }))).not.toContain('BrickIsRemote');
    const [finding] = explainHeal(situation({ lastAnswer: [remote(0), remote(1)] }));
    expect(finding).toMatchObject({ reason: 'BrickIsRemote', remedy: expect.stringContaining('host name') });
  });

  it('is loud about an empty brick', () => {
    const [finding] = explainHeal(situation({}, { ...counts(0), isEmptyBrick: true }));
    expect(finding).toMatchObject({
      reason: 'BrickEmpty',
      severity: 'error',
      remedy: expect.stringContaining('mark-replaced'),
    });
  });
});

describe('explainHeal of one object', () => {
  it('says who missed what, and that the blamed brick is down', () => {
    expect(reasons(situation(), entry())).toEqual(['Pending', 'WaitsForCrawl', 'SeenElsewhereOnly']);
    expect(reasons(situation({ children: [brick(0), brick(1), brick(2, false)] }), entry())).toEqual([
      'SinkDown',
      'Pending',
    ]);
    // A brick that is down but is not blamed for it does not hold it up.
    expect(reasons(situation({ children: [brick(0), brick(1, false), brick(2)] }), entry())).toEqual([
      'BrickNotConnected',
      'Pending',
    ]);
  });

  it('makes no alarm of a set that cannot be compared, where nothing points to a split-brain', () => {
    const comparison = { kind: 'Unknown', why: 'no peers are configured' } as const;
    const severities = (object: PendingEntry) =>
      explainHeal(situation(), { entry: object, isWaiting: true, comparison }).map(
        ({ reason, severity }) => `${severity} ${reason}`,
      );
    expect(severities(entry())).toEqual([
      'info Pending',
      'info SplitBrainUnknown',
      'info WaitsForCrawl',
      'info SeenElsewhereOnly',
    ]);
    expect(severities(entry({ state: 'BlamesAll' }))).toEqual([
      'warning SplitBrainLikely',
      'warning SplitBrainUnknown',
    ]);
  });

  it('knows the metadata of a quota directory that is healed for ever', () => {
    const [finding] = explainHeal(situation(), {
      entry: entry({ isNamespace: true, type: 'directory' }),
      isWaiting: true,
    });
    expect(finding).toMatchObject({
      reason: 'NamespaceLoop',
      message: expect.stringContaining('72 for vol1-client-2'),
      remedy: expect.stringContaining('setfattr -x trusted.glusterfs.namespace <brick>/subvol/ab/cd/pvc-1,'),
    });
    const data = entry({ isNamespace: true, blames: [{ child: 'b', isSelf: false, data: 1, metadata: 0, entry: 1 }] });
    expect(reasons(situation(), data)).not.toContain('NamespaceLoop');
  });

  it.each([
    ['BlamesAll', 'SplitBrainLikely'],
    ['BlamesItself', 'BlamesItself'],
    ['Dirty', 'InFlight'],
    ['Clean', 'NothingPending'],
    ['Stale', 'Stale'],
    ['Unresolved', 'Unresolved'],
    ['Unknown', 'CountersUnreadable'],
  ] as const)('of state %s says %s', (state, reason) => {
    expect(reasons(situation(), entry({ state }))).toEqual([reason]);
  });

  it('says when an object waits for nothing, or is not there', () => {
    expect(reasons(situation(), entry({ state: 'Clean' }), false)).toEqual(['NotWaiting']);
    expect(reasons(situation(), entry({ state: 'Stale' }), false)).toEqual(['NoSuchObject']);
  });
});
