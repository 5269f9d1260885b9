import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { PeerWish } from '../../../src/quota/desired.ts';
import { QuotaEnforcer, type QuotaFile } from '../../../src/quota/enforcer.ts';
import type { GrowthMark } from '../../../src/quota/growth.ts';
import { LIFTED_LIMIT } from '../../../src/quota/live-limit.ts';
import type { Fence } from '../../../src/quota/ports.ts';
import { FakeBrick } from '../../support/fake-quota.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const MiB = 1024n * 1024n;
const never = new AbortController().signal;

let brick: FakeBrick;
let clock: ManualClock;
let fence: Fence;
let enforcer: QuotaEnforcer;

beforeEach(() => {
  brick = new FakeBrick();
  clock = new ManualClock();
  fence = { open: true };
  enforcer = newEnforcer();
});

function newEnforcer(
  dataFragments = 1,
  growth?: () => Promise<GrowthMark | undefined>,
  peerWish?: () => PeerWish | undefined,
): QuotaEnforcer {
  return new QuotaEnforcer({
    growth,
    peerWish,
    backend: brick,
    brick,
    layout: { dataFragments, isArbiter: false },
    fence: () => fence,
    clock,
    log: silentLog,
    verifyIntervalMs: 30_000,
  });
}

function condition(pv: string, type: string): string {
  const found = enforcer.get(pv)?.status.conditions.find((candidate) => candidate.type === type);
  return `${found?.status} ${found?.reason}`;
}

describe('QuotaEnforcer', () => {
  it('says that the heal of a directory goes round, for as long as it does', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    expect(condition('pvc-1', 'HealEnds')).not.toContain('False');
    enforcer.takeHealLoops(new Map([['subvol/ab/cd/pvc-1', 'vol1-client-2']]));
    expect(condition('pvc-1', 'HealEnds')).toBe('False MetadataHealLoop');
    await enforcer.pass(never);
    expect(condition('pvc-1', 'HealEnds')).toBe('False MetadataHealLoop');
    enforcer.takeHealLoops(new Map());
    expect(condition('pvc-1', 'HealEnds')).not.toContain('False');
  });

  it('leaves a namespace that was freed to the heal of its directory, and writes it when none came', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    const { path } = enforcer.get('pvc-1') ?? { path: '' };
    enforcer.leaveToHeal(path);
    brick.at('pvc-1').disk.namespace = false;
    await clock.advance(30_000 - 9_000);
    enforcer.leaveToHeal(path);
    await clock.advance(9_000);
    await enforcer.pass(never);
    expect(brick.at('pvc-1').disk).toMatchObject({ namespace: false, limit: 10n * MiB });
    expect(condition('pvc-1', 'OnDisk')).toContain('False');
    // What else is wanted is written.
    await enforcer.setLimit('pvc-1', { limitBytes: 20n * MiB }, never);
    expect(brick.at('pvc-1').disk).toMatchObject({ namespace: false, limit: 20n * MiB });
    await clock.advance(1_000);
    await enforcer.pass(never);
    expect(brick.at('pvc-1').disk).toMatchObject({ namespace: true, limit: 20n * MiB });
    expect(condition('pvc-1', 'OnDisk')).toContain('True');
  });

  it('gives the same list of PVs while nothing has changed, and another one at once when something has', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    const lists = (): (readonly unknown[])[] => [
      enforcer.limitedTargets(),
      enforcer.unprovenPvs(),
      enforcer.adoptionTargets(),
      enforcer.scanTargets.all(),
      enforcer.repairTargets.all(),
    ];
    const before = lists();
    await enforcer.pass(never);
    for (const [index, list] of lists().entries()) expect(list).toBe(before[index]);
    await enforcer.setLimit('pvc-1', { limitBytes: 20n * MiB }, never);
    expect(enforcer.limitedTargets()).toMatchObject([{ pv: 'pvc-1', limitBytes: 20n * MiB }]);
    for (const [index, list] of lists().entries()) expect(list).not.toBe(before[index]);
    brick.isUp = false;
    await enforcer.pass(never);
    expect(enforcer.limitedTargets()).toEqual([]);
  });

  it('holds a PV for proven as long as its audit counts, and no longer', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB, hasEntries: true });
    await enforcer.pass(never);
    const [target] = enforcer.limitedTargets();
    expect(enforcer.unprovenPvs()).toEqual(['pvc-1']);
    const audit = { at: clock.now(), validUntil: clock.now() + 1_000, right: 1, wrong: 0, unplaced: 0 };
    enforcer.takeAudits(new Map([[target?.gfid ?? '', audit]]));
    expect(enforcer.unprovenPvs()).toEqual([]);
    await clock.advance(1_001);
    expect(enforcer.unprovenPvs()).toEqual(['pvc-1']);
  });

  it("brings Kadalu's limit to disk and into the running brick", async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    expect(brick.at('pvc-1').disk).toMatchObject({ namespace: true, limit: 10n * MiB });
    expect(brick.at('pvc-1').live).toMatchObject({ namespace: true, limit: 10n * MiB });
    expect(enforcer.get('pvc-1')?.spec).toMatchObject({ limitBytes: String(10n * MiB), source: 'Kadalu' });
    expect([condition('pvc-1', 'OnDisk'), condition('pvc-1', 'Live'), condition('pvc-1', 'Enforced')]).toEqual([
      'True AsWanted',
      'True AsWanted',
      // It was empty when it was a namespace already.
      'True NamespaceSetEmpty',
    ]);
    // Nothing can be in force on what was no namespace: what is above is known from the disk, and no limit is asked for first.
    expect(brick.calls.filter((call) => !['inventory', 'read', 'write'].includes(call))).toEqual([
      'lookup',
      'makeNamespace',
      'setLimit',
      'statfs',
    ]);
  });

  it('looks up from the root where the directory above is not what it was', async () => {
    brick.addPv('pvc-1', { kadaluBytes: MiB });
    brick.parentGfid = undefined;
    await enforcer.pass(never);
    expect(brick.calls.filter((call) => call === 'lookup')).toHaveLength(4);
    expect(condition('pvc-1', 'Live')).toBe('True AsWanted');
  });

  it('costs nothing but the inventory while all is settled', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    brick.calls.length = 0;
    await enforcer.pass(never);
    expect(brick.calls).toEqual(['inventory']);
  });

  describe('beside a watched directory and a brick that tells what it writes', () => {
    let changedAt: number | undefined;
    let watched: QuotaEnforcer;

    beforeEach(async () => {
      brick.isWatched = true;
      changedAt = clock.monotonic();
      watched = newEnforcer(1, async () => ({ epoch: 1, bytes: 0, jumps: undefined, changedAt }));
      enforcer = watched;
      for (const pv of ['pvc-1', 'pvc-2']) brick.addPv(pv, { kadaluBytes: 10n * MiB });
      await enforcer.pass(never);
      await verified();
      await verified();
    });

    /** What the next full pass asks. */
    async function verified(): Promise<string[]> {
      await clock.advance(30_000);
      brick.calls.length = 0;
      await enforcer.pass(never);
      return brick.calls;
    }

    it('asks neither disk nor brick while nothing has changed, but all of them every ten minutes', async () => {
      expect(await verified()).toEqual(['inventory']);
      const asked = { read: 0, statfs: 0 };
      for (let passed = 0; passed < 600_000; passed += 30_000) {
        const calls = await verified();
        asked.read += calls.filter((call) => call === 'read').length;
        asked.statfs += calls.filter((call) => call === 'statfs').length;
      }
      expect(asked).toEqual({ read: 1, statfs: 2 });
    });

    it('asks the brick only, in one go, where something was written', async () => {
      brick.at('pvc-2').live = { namespace: true, limit: 10n * MiB, used: 3n * MiB };
      changedAt = clock.monotonic();
      expect(await verified()).toEqual(['inventory', 'statfsEach', 'statfs', 'statfs']);
      expect(enforcer.get('pvc-2')?.status.usedBytes).toBe(String(3n * MiB));
      changedAt = undefined;
      expect(await verified()).toContain('statfsEach');
      brick.failures.set('statfsEach', new AgentError('Timeout', 'no answer'));
      expect(await verified()).toEqual(['inventory', 'statfsEach', 'read', 'statfs', 'statfs']);
    });

    it('reads what was touched, and mends it', async () => {
      brick.at('pvc-1').disk.limit = 99n * MiB;
      expect(await verified()).toEqual(['inventory', 'read', 'write', 'statfs']);
      expect(brick.at('pvc-1').disk.limit).toBe(10n * MiB);
    });

    it('brings back a limit that the brick lost, at once where the guard has found it', async () => {
      brick.at('pvc-1').live = { namespace: false, limit: 0n, used: 0n };
      changedAt = clock.monotonic();
      await verified();
      expect(brick.at('pvc-1').live?.limit).toBe(10n * MiB);
      brick.at('pvc-2').live = { namespace: false, limit: 0n, used: 0n };
      enforcer.doubt(['pvc-2', 'none']);
      expect(condition('pvc-2', 'Live')).toBe('Unknown LimitNotShown');
      await enforcer.pass(never);
      expect([brick.at('pvc-2').live?.limit, condition('pvc-2', 'Live')]).toEqual([10n * MiB, 'True AsWanted']);
    });

    it('lets an audit go stale', async () => {
      const [target] = enforcer.limitedTargets();
      const audit = { at: clock.now(), validUntil: clock.now() + 40_000, right: 1, wrong: 1, unplaced: 0 };
      enforcer.takeAudits(new Map([[target?.gfid ?? '', audit]]));
      await verified();
      expect(condition('pvc-1', 'Enforced')).toBe('False PartlyEnforced');
      await verified();
      expect(condition('pvc-1', 'Enforced')).toBe('True NamespaceSetEmpty');
    });

    it('shows and does the same as one that reads everything back, whatever happens', async () => {
      const pick = fc.constantFrom('pvc-1', 'pvc-2', 'pvc-3');
      const step = fc.oneof(
        fc.record({
          kind: fc.constantFrom('write' as const, 'free' as const),
          pv: pick,
          mib: fc.integer({ min: 1, max: 9 }),
        }),
        fc.record({
          kind: fc.constantFrom('disk' as const, 'both' as const, 'kadalu' as const),
          pv: pick,
          mib: fc.integer({ min: 1, max: 9 }),
        }),
        fc.record({ kind: fc.constantFrom('unset' as const, 'add' as const, 'remove' as const), pv: pick }),
        fc.record({ kind: fc.constantFrom('restart' as const, 'down' as const, 'up' as const) }),
      );
      const rounds = fc.array(fc.array(step, { maxLength: 3 }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(rounds, async (steps) => {
          brick = new FakeBrick();
          brick.isWatched = true;
          enforcer = newEnforcer(1, async () => ({ epoch: 1, bytes: 0, jumps: undefined, changedAt }));
          for (const pv of ['pvc-1', 'pvc-2']) brick.addPv(pv, { kadaluBytes: 10n * MiB });
          await enforcer.pass(never);
          for (const round of steps) {
            for (const one of round) apply(one);
            await clock.advance(30_000);
            await enforcer.pass(never);
            await enforcer.pass(never);
            const calls = brick.calls.length;
            const anew = newEnforcer();
            await anew.pass(never);
            expect(
              brick.calls.slice(calls).filter((call) => ['write', 'setLimit', 'makeNamespace'].includes(call)),
            ).toEqual([]);
            const facts = (of: QuotaEnforcer): unknown =>
              of.list().map(({ pv, spec, status }) => {
                const { onDiskLimitBytes, liveLimitBytes, usedBytes, conditions } = status;
                const told = conditions
                  .filter(({ type }) => type !== 'Enforced')
                  .map(({ type, reason }) => `${type} ${reason}`);
                return { pv, spec, onDiskLimitBytes, liveLimitBytes, usedBytes, told };
              });
            expect(facts(enforcer)).toEqual(facts(anew));
          }
        }),
      );
    });

    function apply(one: { kind: string; pv?: string; mib?: number }): void {
      const { kind, pv = '', mib = 0 } = one;
      const bytes = BigInt(mib) * MiB;
      const directory = brick.directories.get(`subvol/ab/cd/${pv}`);
      if (kind === 'restart') brick.restart();
      if (kind === 'down' || kind === 'up') {
        if (kind === 'up' && !brick.isUp) brick.restart();
        brick.isUp = kind === 'up';
      }
      if (kind === 'add' && directory === undefined) brick.addPv(pv, { kadaluBytes: 5n * MiB });
      if (kind === 'remove') {
        brick.directories.delete(`subvol/ab/cd/${pv}`);
        brick.kadalu.delete(pv);
      }
      if (directory === undefined) return;
      if (kind === 'kadalu') brick.kadalu.set(pv, bytes);
      if (kind === 'disk' || kind === 'both') directory.disk.limit = bytes;
      if (kind === 'unset') directory.disk.namespace = false;
      if (directory.live === undefined) return;
      if (kind === 'both') directory.live.limit = bytes;
      if (kind !== 'write' && kind !== 'free') return;
      directory.live.used = kind === 'write' ? bytes : 0n;
      // A flush by somebody else; without one, the disk is as it was.
      if (kind === 'free') directory.disk.size = directory.live.used;
      changedAt = clock.monotonic();
    }
  });

  it('reads everything back again after the verify interval and repairs what changed behind its back', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    brick.at('pvc-1').disk.limit = 99n * MiB;
    await clock.advance(30_000);
    await enforcer.pass(never);
    expect(brick.at('pvc-1').disk.limit).toBe(10n * MiB);
  });

  it('follows a resize by Kadalu at the next pass', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    brick.kadalu.set('pvc-1', 20n * MiB);
    await enforcer.pass(never);
    expect(brick.at('pvc-1').live?.limit).toBe(20n * MiB);
    expect(brick.at('pvc-1').disk.limit).toBe(20n * MiB);
  });

  it('looks everything up again after a brick restart, before it says Live', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    brick.isUp = false;
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('Unknown BrickDown');
    expect(condition('pvc-1', 'OnDisk')).toBe('True AsWanted');
    expect(enforcer.isBrickSynced).toBe(true);
    brick.isUp = true;
    brick.restart();
    expect([enforcer.hasSynced, enforcer.isBrickSynced]).toEqual([true, false]);
    await enforcer.pass(never);
    expect(enforcer.isBrickSynced).toBe(true);
    expect(brick.at('pvc-1').live).toMatchObject({ namespace: true, limit: 10n * MiB });
    expect(condition('pvc-1', 'Live')).toBe('True AsWanted');
  });

  it('proves an empty directory, and calls a live namespace on a full one partly enforced', async () => {
    for (const [pv, hasEntries] of [
      ['empty', false],
      ['full', true],
    ] as const) {
      const directory = brick.addPv(pv, { kadaluBytes: MiB, hasEntries });
      // The brick met the directory before it was a namespace.
      directory.live = { namespace: false, limit: 0n, used: 0n };
    }
    await enforcer.pass(never);
    expect(condition('empty', 'Enforced')).toBe('True NamespaceSetEmpty');
    expect(condition('full', 'Enforced')).toBe('False PartlyEnforced');
    brick.restart();
    await enforcer.pass(never);
    expect(condition('full', 'Enforced')).toBe('Unknown NotAudited');
  });

  it('keeps the API above Kadalu, across an agent restart, and falls back when it is taken away', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    const first = await enforcer.setLimit('pvc-1', { limitBytes: 30n * MiB }, never);
    expect(first.created).toBe(true);
    expect((await enforcer.setLimit('pvc-1', { limitBytes: 30n * MiB }, never)).created).toBe(false);
    enforcer = newEnforcer();
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toMatchObject({ limitBytes: String(30n * MiB), source: 'Api' });
    const view = await enforcer.removeLimit('pvc-1', never);
    expect(view.spec).toMatchObject({ limitBytes: String(10n * MiB), source: 'Kadalu' });
    expect(brick.at('pvc-1').live?.limit).toBe(10n * MiB);
    expect(brick.at('pvc-1').disk.record).toBeUndefined();
  });

  it('keeps the claim that the API was told until it is told otherwise', async () => {
    const claim = { namespace: 'shop', name: 'data-db-0' };
    brick.addPv('pvc-1');
    brick.addPv('pvc-2', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    expect((await enforcer.setLimit('pvc-1', { limitBytes: 5n * MiB, claim }, never)).view.spec.claim).toEqual(claim);
    expect(enforcer.ownWishes()).toEqual([
      { pv: 'pvc-1', source: 'Api', limitBytes: 5n * MiB, claim },
      { pv: 'pvc-2', source: 'Kadalu', limitBytes: 10n * MiB },
    ]);
    // Another life of the agent, which has not looked yet.
    enforcer = newEnforcer();
    const { view } = await enforcer.setLimit('pvc-1', { limitBytes: 6n * MiB }, never);
    expect(view.spec).toMatchObject({ limitBytes: String(6n * MiB), claim });
    expect((await enforcer.setLimit('pvc-1', { limitBytes: 6n * MiB, claim: null }, never)).view.spec.claim).toBeNull();
    expect(brick.at('pvc-1').disk.record).toBe(`{"v":1,"limitBytes":"${6n * MiB}"}`);
    await enforcer.setLimit('pvc-1', { limitBytes: 6n * MiB, claim }, never);
    expect((await enforcer.removeLimit('pvc-1', never)).spec.claim).toBeNull();
  });

  it('learns the claim with the limit of a peer, and forgets it with it', async () => {
    const claim = { namespace: 'shop', name: 'data-db-0' };
    let wish: PeerWish | undefined = { source: 'Api', limitBytes: 5n * MiB };
    enforcer = newEnforcer(1, undefined, () => wish);
    brick.addPv('pvc-1');
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec.claim).toBeNull();
    wish = { ...wish, claim };
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toMatchObject({ source: 'Peer', claim });
    // Told on by nobody who has it second hand.
    expect(enforcer.ownWishes()).toEqual([]);
    wish = undefined;
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec.claim).toBeNull();
  });

  it('lifts a removed limit at once and forgets it with the brick process', async () => {
    brick.addPv('pvc-1');
    await enforcer.setLimit('pvc-1', { limitBytes: 5n * MiB }, never);
    await enforcer.removeLimit('pvc-1', never);
    expect(brick.at('pvc-1').live?.limit).toBe(LIFTED_LIMIT);
    expect(brick.at('pvc-1').disk.limit).toBeUndefined();
    expect(condition('pvc-1', 'Live')).toBe('False RemovalPending');
    brick.calls.length = 0;
    await enforcer.pass(never);
    expect(brick.calls).not.toContain('setLimit');
    brick.restart();
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('True NoLimit');
    expect(brick.at('pvc-1').disk).toMatchObject({ limit: undefined, record: undefined });
  });

  it('follows a removal that a peer was told of, and goes on saying so when the peer has forgotten it', async () => {
    let wish: PeerWish | undefined = { source: 'Api', limitBytes: 5n * MiB };
    enforcer = newEnforcer(1, undefined, () => wish);
    brick.addPv('pvc-1');
    await enforcer.pass(never);
    expect(brick.at('pvc-1').live?.limit).toBe(5n * MiB);
    wish = { source: 'Removed', limitBytes: undefined };
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toEqual({ limitBytes: null, source: null, sources: [], claim: null });
    expect(brick.at('pvc-1').live?.limit).toBe(LIFTED_LIMIT);
    expect(brick.at('pvc-1').disk).toMatchObject({ limit: undefined, record: undefined });
    wish = undefined;
    await clock.advance(30_000);
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('False RemovalPending');
    brick.restart();
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('True NoLimit');
  });

  it('removes a limit while the brick is down', async () => {
    brick.addPv('pvc-1');
    await enforcer.setLimit('pvc-1', { limitBytes: 5n * MiB }, never);
    brick.isUp = false;
    await enforcer.removeLimit('pvc-1', never);
    expect(brick.at('pvc-1').disk.limit).toBeUndefined();
    brick.restart();
    brick.isUp = true;
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec.limitBytes).toBeNull();
  });

  it('adopts a limit that nobody asked for and shows where it comes from', async () => {
    brick.addPv('pvc-1').disk = { namespace: true, limit: 7n * MiB, record: undefined, size: undefined };
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toMatchObject({ limitBytes: String(7n * MiB), source: 'Disk' });
    expect(brick.calls).not.toContain('write');
  });

  it('divides the limit by the data fragments of a disperse volume', async () => {
    enforcer = newEnforcer(2);
    brick.addPv('pvc-1', { kadaluBytes: 16n * MiB });
    await enforcer.pass(never);
    expect(brick.at('pvc-1').live?.limit).toBe(8n * MiB);
    expect(enforcer.get('pvc-1')?.spec.limitBytes).toBe(String(16n * MiB));
  });

  it('writes nothing while the brick is fenced and says Unknown, never fine', async () => {
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    fence = { open: false, reason: 'volume-id is another' };
    brick.kadalu.set('pvc-1', 20n * MiB);
    brick.calls.length = 0;
    await enforcer.pass(never);
    expect(brick.calls).toEqual([]);
    expect(condition('pvc-1', 'OnDisk')).toBe('Unknown BrickFenced');
    expect(condition('pvc-1', 'Live')).toBe('Unknown BrickFenced');
    await expect(enforcer.setLimit('pvc-1', { limitBytes: MiB }, never)).rejects.toMatchObject({ code: 'BrickFenced' });
  });

  it('records, and does not claim to enforce, on a brick without simple-quota', async () => {
    brick.hasSimpleQuota = false;
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    await enforcer.pass(never);
    expect(brick.at('pvc-1').disk.limit).toBe(10n * MiB);
    expect(condition('pvc-1', 'Live')).toBe('False NotEnforceable');
    expect(condition('pvc-1', 'Enforced')).toBe('False NotEnforceable');
  });

  it("keeps one PV's failure to that PV", async () => {
    brick.addPv('pvc-1', { kadaluBytes: MiB });
    brick.addPv('pvc-2', { kadaluBytes: MiB });
    brick.at('pvc-1').live = { namespace: false, limit: 0n, used: 0n };
    brick.at('pvc-2').disk = { ...brick.at('pvc-2').disk, namespace: true, limit: MiB };
    brick.failures.set('makeNamespace', new AgentError('GlusterError', 'EROFS'));
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('False BrickRefused');
    expect(condition('pvc-2', 'Live')).toBe('True AsWanted');
    brick.failures.clear();
    await enforcer.pass(never);
    expect(condition('pvc-1', 'Live')).toBe('True AsWanted');
  });

  it('says Unknown for everything when the backend does not answer', async () => {
    brick.addPv('pvc-1', { kadaluBytes: MiB });
    await enforcer.pass(never);
    brick.failures.set('inventory', new AgentError('BrickHung', 'no answer'));
    await expect(enforcer.pass(never)).rejects.toMatchObject({ code: 'BrickHung' });
    expect(condition('pvc-1', 'OnDisk')).toBe('Unknown BackendUnknown');
    expect(enforcer.get('pvc-1')?.status.liveLimitBytes).toBeNull();
  });

  it('completes whatever step a crash cut short', async () => {
    for (const step of ['read', 'write', 'lookup', 'statfs', 'makeNamespace', 'setLimit']) {
      brick = new FakeBrick();
      brick.addPv('pvc-1', { kadaluBytes: 10n * MiB }).live = { namespace: false, limit: 0n, used: 0n };
      brick.failures.set(step, new AgentError('RpcDisconnected', 'crash'));
      await newEnforcer()
        .pass(never)
        .catch(() => undefined);
      brick.failures.clear();
      enforcer = newEnforcer();
      await enforcer.pass(never);
      expect(brick.at('pvc-1').disk, step).toMatchObject({ namespace: true, limit: 10n * MiB });
      expect(brick.at('pvc-1').live, step).toMatchObject({ namespace: true, limit: 10n * MiB });
    }
  });

  it('reports usage, also when it is above a lowered limit', async () => {
    const directory = brick.addPv('pvc-1', { kadaluBytes: 10n * MiB });
    directory.disk.size = 6n * MiB;
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.status.usedBytes).toBe(String(6n * MiB));
    await enforcer.setLimit('pvc-1', { limitBytes: 4n * MiB }, never);
    expect(enforcer.get('pvc-1')?.status).toMatchObject({ usedBytes: String(6n * MiB) });
  });

  it('does not know a PV that is not there', async () => {
    await expect(enforcer.setLimit('nope', { limitBytes: MiB }, never)).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('forgets a deleted PV', async () => {
    brick.addPv('pvc-1', { kadaluBytes: MiB });
    await enforcer.pass(never);
    brick.directories.clear();
    await enforcer.pass(never);
    expect(enforcer.list()).toEqual([]);
  });
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

describe('the quota file', () => {
  it('counts above Kadalu and below the API, with a soft limit, and refuses what is not here', async () => {
    const entry = (pv: string, limitBytes: bigint, softRatio?: number) => ({
      pv,
      path: undefined,
      limitBytes,
      softRatio,
      line: 7,
    });
    const logged: string[] = [];
    let entries = [entry('pvc-1', 20n * MiB, 0.5), entry('elsewhere', MiB)];
    const file: Mutable<QuotaFile> = {
      read: async () => ({ entries, refusals: [{ line: 3, reason: 'wrong' }], error: undefined }),
    };
    enforcer = new QuotaEnforcer({
      backend: brick,
      brick,
      layout: { dataFragments: 1, isArbiter: false },
      fence: () => fence,
      quotaFile: file,
      clock,
      log: {
        ...silentLog,
        warn: (facts, message) => logged.push(`${message} ${String(Reflect.get(facts, 'usedBytes'))}`),
        info: (facts, message) => logged.push(`${message} ${String(Reflect.get(facts, 'usedBytes'))}`),
      },
      verifyIntervalMs: 30_000,
    });
    brick.addPv('pvc-1', { kadaluBytes: 10n * MiB }).disk.size = 15n * MiB;
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toEqual({
      limitBytes: String(20n * MiB),
      source: 'File',
      claim: null,
      sources: [
        { source: 'File', limitBytes: String(20n * MiB), peer: null },
        { source: 'Kadalu', limitBytes: String(10n * MiB), peer: null },
      ],
    });
    expect(condition('pvc-1', 'BelowSoftLimit')).toBe('False Above');
    expect(logged.filter((line) => line.includes('soft'))).toEqual([`uses its soft limit or more ${15n * MiB}`]);
    expect(enforcer.refusals.map(({ reason }) => reason)).toEqual(['wrong', 'no PV "elsewhere" on this brick']);
    expect(enforcer.isQuotaFileValid).toBe(true);
    file.error = 'ENOENT';
    await enforcer.pass(never);
    expect(enforcer.isQuotaFileValid).toBe(false);
    expect(enforcer.refusals.at(-1)).toEqual({
      file: 'quotaFile',
      reason: 'ENOENT: the last good one stays in force',
    });
    await enforcer.setLimit('pvc-1', { limitBytes: 40n * MiB }, never);
    expect(enforcer.get('pvc-1')?.spec.source).toBe('Api');
    expect(logged.filter((line) => line.includes('soft')).slice(1)).toEqual([
      `uses less than its soft limit again ${15n * MiB}`,
    ]);
    await enforcer.removeLimit('pvc-1', never);
    expect(enforcer.get('pvc-1')?.spec.source).toBe('File');
    entries = [];
    await enforcer.pass(never);
    expect(enforcer.get('pvc-1')?.spec).toMatchObject({ limitBytes: String(10n * MiB), source: 'Kadalu' });
    expect(condition('pvc-1', 'BelowSoftLimit')).toBe('undefined undefined');
  });
});
