import { beforeEach, describe, expect, it } from 'vitest';
import {
  CONFIRM_MS,
  MAX_OBJECTS,
  SplitBrainWatch,
  type CopiesAnswer,
  type SplitBrainOptions,
} from '../../../src/agent/split-brain.ts';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import { Backlog } from '../../../src/heal/backlog.ts';
import type { Gfid } from '../../../src/lib/gfid.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { counts } from '../heal/counts.ts';

const never = new AbortController().signal;
const A = '11111111-1111-4111-8111-111111111111';
const B = '22222222-2222-4222-8222-222222222222';
const PARENT = '33333333-3333-4333-8333-333333333333';
const DATA = '000000010000000000000000';
const ENTRY = '000000000000000000000001';

let clock: ManualClock;
/** What each brick has, by gfid: whom it blames of what. */
let bricks: Record<Gfid, Record<string, string> | undefined>[];
let named: CopiesAnswer['named'][number][];
let silent: Set<number>;
let pending: number;
let questions: number;
let links: Gfid[];
let watch: SplitBrainWatch;

function copyOf(counters: Record<string, string>, gfid: Gfid): BrickCopy {
  const type = gfid === PARENT ? 'directory' : 'file';
  const names = gfid === PARENT ? [] : [{ parent: PARENT, name: 'x' }];
  return { type, size: 1, modifiedAt: 0, mode: 0, uid: 0, gid: 0, counters, names };
}

beforeEach(() => {
  clock = new ManualClock();
  bricks = [{}, {}];
  named = [undefined, undefined];
  silent = new Set();
  pending = 1;
  questions = 0;
  links = [];
  const answer = (index: number, gfids: readonly Gfid[], names: readonly unknown[]): CopiesAnswer => ({
    copies: gfids.map((gfid) => {
      const counters = bricks[index]?.[gfid];
      return counters === undefined ? 'gone' : copyOf(counters, gfid);
    }),
    named: names.map(() => named[index]),
  });
  watch = new SplitBrainWatch({
    brickIndex: 0,
    set: { self: 'v-client-0', others: ['v-client-1'] },
    members: [0, 1].map((brickIndex) => ({ brickIndex, child: `v-client-${brickIndex}`, isArbiter: false })),
    backlog: () => {
      const backlog = new Backlog();
      backlog.observe(counts(pending), clock.monotonic(), clock.now());
      return backlog.view(clock.monotonic());
    },
    page: async () => {
      const waiting = Object.entries(bricks[0] ?? {}).filter(([gfid]) => !links.includes(gfid));
      const entries = waiting.map(([gfid, counters = {}]) => {
        const object = {
          type: 'file' as const,
          paths: [],
          unknownNames: 0,
          changedAt: 0,
          isNamespace: false,
          counters,
        };
        return { gfid, object };
      });
      return await Promise.resolve({ entries, next: undefined });
    },
    own: async ({ gfids, names }) => await Promise.resolve(answer(0, gfids, names)),
    peers: async ({ gfids, names }) => {
      questions += 1;
      const found: CopiesAnswer | { error: string } = silent.has(1) ? { error: 'refused' } : answer(1, gfids, names);
      return await Promise.resolve(new Map([[1, found]]));
    },
    symlinks: async (directories) => await Promise.resolve(directories.includes(PARENT) ? links : []),
    locate: async (gfids) => await Promise.resolve(gfids.map((gfid) => `sb/${gfid}`)),
    clock,
    log: silentLog,
  });
});

async function pass(between: () => void = () => undefined): Promise<void> {
  const done = watch.pass(never);
  await clock.advance(0);
  between();
  await clock.advance(CONFIRM_MS);
  await done;
}

function said(): string {
  const { unknown, items } = watch.status();
  return unknown ?? items.map(({ gfid, kinds }) => `${gfid[0]}:${kinds.join()}`).join(' ');
}

function split(gfid: Gfid): void {
  for (const [index, brick] of bricks.entries()) brick[gfid] = { [`trusted.afr.v-client-${1 - index}`]: DATA };
}

describe('SplitBrainWatch', () => {
  it('compares first what was hinted at, and believes no hint', async () => {
    const numbered = (number: number): Gfid => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
    for (let number = 0; number < MAX_OBJECTS; number += 1) {
      for (const [index, brick] of bricks.entries()) {
        brick[numbered(number)] = index === 0 ? { 'trusted.afr.v-client-1': DATA } : {};
      }
    }
    split(B);
    await pass();
    expect(said()).toBe('');
    watch.hint([A, numbered(7), B]);
    await pass();
    expect(said()).toBe('2:data');
    // What nobody waits for costs nothing.
    pending = 0;
    watch.hint([A]);
    questions = 0;
    await pass();
    expect(questions).toBe(0);
  });

  it('asks nobody without a backlog', async () => {
    pending = 0;
    await pass();
    expect([said(), questions]).toEqual(['', 0]);
  });

  it('says what it has seen twice, and takes it back when it is over', async () => {
    split(A);
    await pass();
    expect(said()).toBe('1:data');
    expect(watch.known(A)).toMatchObject({ path: `sb/${A}`, since: clock.now() });
    const since = clock.now();
    await clock.advance(60_000);
    await pass();
    expect(watch.known(A)).toMatchObject({ since, confirmedAt: clock.now() });
    bricks[1] = { [A]: {} };
    await pass();
    expect([said(), watch.known(A)]).toEqual(['', undefined]);
    split(A);
    await pass();
    pending = 0;
    await pass();
    expect(said()).toBe('');
  });

  it('does not say what is gone at the second look, or is being written', async () => {
    split(A);
    await pass(() => {
      bricks[1] = { [A]: {} };
    });
    expect(said()).toBe('');
    split(A);
    await pass(() => {
      bricks[0] = { [A]: { ...bricks[0]?.[A], 'trusted.afr.dirty': DATA } };
    });
    expect(said()).toBe('');
  });

  it('finds another object under the same name, where the directory has no source', async () => {
    bricks[0] = { [A]: { 'trusted.afr.v-client-1': DATA }, [PARENT]: { 'trusted.afr.v-client-1': ENTRY } };
    bricks[1] = { [B]: { 'trusted.afr.v-client-0': DATA }, [PARENT]: {} };
    named = [
      { gfid: A, type: 'file' },
      { gfid: B, type: 'file' },
    ];
    // The daemon removes B and makes A.
    await pass();
    expect(said()).toBe('');
    bricks[1] = { [B]: { 'trusted.afr.v-client-0': DATA }, [PARENT]: { 'trusted.afr.v-client-0': ENTRY } };
    await pass();
    expect(said()).toBe('1:gfid 3:entry');
    expect(watch.known(A)?.copies.map((copy) => copy.named?.gfid)).toEqual([A, B]);
    named = [
      { gfid: A, type: 'file' },
      { gfid: B, type: 'directory' },
    ];
    await pass();
    expect(said()).toBe('1:type 3:entry');
  });

  it('finds symlinks in such a directory, which do not wait themselves', async () => {
    links = [A];
    bricks[0] = { [A]: {}, [PARENT]: { 'trusted.afr.v-client-1': ENTRY } };
    bricks[1] = { [B]: {}, [PARENT]: { 'trusted.afr.v-client-0': ENTRY } };
    named = [
      { gfid: A, type: 'file' },
      { gfid: B, type: 'file' },
    ];
    await pass();
    expect(said()).toBe('3:entry');
    await pass();
    expect(said()).toBe('3:entry 1:gfid');
    bricks[1] = { [A]: {}, [PARENT]: { 'trusted.afr.v-client-0': ENTRY } };
    named = [
      { gfid: A, type: 'file' },
      { gfid: A, type: 'file' },
    ];
    await pass();
    expect(said()).toBe('3:entry');
  });

  it('knows nothing without a peer, and does not forget what was', async () => {
    split(A);
    await pass();
    silent.add(1);
    await pass();
    expect([said(), watch.known(A)]).toEqual(['brick 1: refused', undefined]);
    silent.clear();
    await pass();
    expect(said()).toBe('1:data');
  });

  it('keeps known ones in its questions, which stay bounded', async () => {
    for (let n = 0; n < 2 * MAX_OBJECTS; n += 1) split(`${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`);
    await pass();
    expect(watch.status().items).toHaveLength(MAX_OBJECTS);
    questions = 0;
    await pass();
    // All known ones and as many others as one question holds; each asked for twice.
    expect(questions).toBe(4);
  });

  it('does not know before the own index has been looked at, which is no failure', async () => {
    const early = new SplitBrainWatch({ ...unreadable(), backlog: () => new Backlog().view(0) });
    await early.pass(never);
    expect(early.status().unknown).toContain('has not been looked at yet');
    expect(early.status().checkedAt).toBeUndefined();
  });

  it('fails, and says why, when the own index cannot be read', async () => {
    const failing = new SplitBrainWatch(unreadable());
    await expect(failing.pass(never)).rejects.toThrow('it hangs');
    expect(failing.status().unknown).toContain('it hangs');
  });
});

/** A brick on which things wait, and whose disk hangs. */
function unreadable(): SplitBrainOptions {
  const backlog = new Backlog();
  backlog.observe(counts(1), clock.monotonic(), clock.now());
  return {
    brickIndex: 0,
    set: { self: 'v-client-0', others: ['v-client-1'] },
    members: [],
    backlog: () => backlog.view(clock.monotonic()),
    page: async () => await Promise.reject(new AgentError('BrickHung', 'it hangs')),
    own: async () => await Promise.reject(new AgentError('BrickHung', 'it hangs')),
    peers: undefined,
    symlinks: async () => await Promise.resolve([]),
    locate: async () => await Promise.resolve([]),
    clock,
    log: silentLog,
  };
}
