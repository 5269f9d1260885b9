import { beforeEach, describe, expect, it } from 'vitest';
import { Resolver, type ResolverOptions, type RowChange } from '../../../src/agent/resolver.ts';
import type { BrickCopy } from '../../../src/brick/copies.ts';
import { CHANGE_KINDS, decodeChangelog, type Changelog } from '../../../src/heal/changelog.ts';
import { copiesOf, type CopyRow } from '../../../src/heal/split-brain.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const never = new AbortController().signal;
const GFID = '11111111-1111-4111-8111-111111111111';
const ONE = '000000010000000000000000';
const ZERO = '0'.repeat(24);

let clock: ManualClock;
/** Counters of each brick's copy. */
let bricks: Record<string, string>[];
let calls: string[];
let isSplit: boolean;

function rows(): CopyRow[] {
  return bricks.map((counters, brickIndex) => {
    const copy: BrickCopy = {
      type: 'file',
      size: 1,
      modifiedAt: 0,
      mode: 0,
      uid: 0,
      gid: 0,
      counters: { ...counters },
      names: [],
    };
    return { brickIndex, child: `v-client-${brickIndex}`, isArbiter: false, copy };
  });
}

function add(index: number, child: string, counters: Changelog): Changelog {
  const key = `trusted.afr.${child}`;
  const before = decodeChangelog(bricks[index]?.[key] ?? ZERO) ?? { data: 0, metadata: 0, entry: 0 };
  const bytes = Buffer.alloc(12);
  for (const [at, kind] of CHANGE_KINDS.entries()) bytes.writeUInt32BE(before[kind] + counters[kind], 4 * at);
  bricks[index] = { ...bricks[index], [key]: bytes.toString('hex') };
  return decodeChangelog(bytes.toString('hex')) ?? before;
}

function resolverOf(brickIndex: number, changes: Partial<ResolverOptions> = {}): Resolver {
  return new Resolver({
    brickIndex,
    others: [`v-client-${1 - brickIndex}`],
    watch: {
      judge: async (gfids) => {
        const found = {
          gfid: GFID,
          kinds: ['data' as const],
          type: 'file' as const,
          path: 'x',
          copies: copiesOf(rows(), new Map()),
        };
        const verdict = isSplit ? { kind: 'SplitBrain' as const, found } : { kind: 'None' as const };
        return await Promise.resolve(new Map(gfids.map((gfid) => [gfid, verdict])));
      },
      rows: async (gfids) => await Promise.resolve(new Map(gfids.map((gfid) => [gfid, rows()]))),
      status: () => ({ unknown: undefined, items: [], checkedAt: 0 }),
    },
    names: {
      plan: async () => await Promise.resolve({ refusal: 'no name is in split-brain' }),
      apply: async () => await Promise.resolve('not expected'),
      remove: async () => await Promise.resolve(),
      unfinished: async () => await Promise.resolve('not expected'),
    },
    fenced: () => undefined,
    use: async () => await Promise.resolve(undefined),
    counters: async () => await Promise.resolve(bricks[brickIndex]),
    add: async (_gfid, child, counters) => {
      calls.push(`brick ${brickIndex} ${child} ${counters.data}`);
      return await Promise.resolve(add(brickIndex, child, counters));
    },
    peer: async (index, change) => await resolverOf(index).change(change, never),
    crawlElsewhere: async () => await Promise.reject(new AgentError('RpcDisconnected', 'no answer')),
    crawl: async () => {
      calls.push('heal');
      for (const index of bricks.keys()) bricks[index] = {};
      await Promise.resolve();
    },
    clock,
    log: silentLog,
    ...changes,
  });
}

beforeEach(() => {
  clock = new ManualClock();
  calls = [];
  isSplit = true;
  bricks = [{ 'trusted.afr.v-client-1': ONE, 'trusted.afr.dirty': ZERO }, { 'trusted.afr.v-client-0': ONE }];
});

async function execute(resolver: Resolver, id?: string): Promise<string[]> {
  const offer = await resolver.plan([GFID], 'source-brick', 0, never);
  const { results } = await resolver.execute([GFID], 'source-brick', 0, id ?? offer.id, never);
  return results.map(({ outcome, message }) => `${outcome}: ${message}`);
}

describe('Resolver', () => {
  it.each([0, 1])('has every brick change its own row, asked at brick %i', async (at) => {
    expect(await execute(resolverOf(at))).toEqual(['Healed: all copies are that of brick 0']);
    expect(calls).toEqual(['brick 1 v-client-0 -1', 'heal']);
  });

  it('says that it is not healed yet after a while', async () => {
    const resolver = resolverOf(0, { crawl: async () => await Promise.resolve() });
    const done = execute(resolver);
    for (let step = 0; step < 50; step += 1) await clock.advance(500);
    expect(await done).toEqual([expect.stringContaining('Healing: decided for brick 0; brick 0 still blames brick 1')]);
  });

  it('says that the daemon was not asked, and does not call that work', async () => {
    const crawl = async (): Promise<void> => await Promise.reject(new AgentError('ProcessUnproven', 'pid 7 is gone'));
    const done = execute(resolverOf(0, { crawl }));
    for (let step = 0; step < 50; step += 1) await clock.advance(500);
    const [told] = await done;
    expect(told).toMatch(
      /^Healing: decided for brick 0; .*: the self-heal daemon of this pod was not asked .*\(pid 7 is gone\)$/,
    );
  });

  it('makes no plan for what a client has open here, and changes nothing of what one has open there', async () => {
    const use = async () => await Promise.resolve('1 open file handle');
    const { items } = await resolverOf(0, { use }).plan([GFID], 'source-brick', 0, never);
    expect(items[0]?.planned).toEqual({ refusal: expect.stringMatching(/in use, 1 open file handle on brick 0/) });
    const peer = async (index: number, change: RowChange) => await resolverOf(index, { use }).change(change, never);
    expect(await execute(resolverOf(0, { peer }))).toEqual([
      expect.stringMatching(/^Failed: brick 1: .* in use \(1 open file handle\): nothing is done$/),
    ]);
    expect(calls).toEqual([]);
  });

  it('does nothing without the right plan', async () => {
    await expect(execute(resolverOf(0), 'another')).rejects.toMatchObject({ code: 'Conflict' });
    expect(calls).toEqual([]);
  });

  it('stops at the brick that refuses, and says which', async () => {
    const peer = async (): Promise<void> => await Promise.reject(new AgentError('RpcRejected', 'it answers 409'));
    expect(await execute(resolverOf(0, { peer }))).toEqual(['Failed: brick 1: it answers 409']);
    expect(calls).toEqual([]);
  });

  it('looks at what became of a step that failed after other steps: a heal that had begun takes counters away, too', async () => {
    const peer = async (): Promise<void> => await Promise.reject(new AgentError('RpcRejected', 'it answers 409'));
    bricks[0] = {};
    expect(await execute(resolverOf(0, { peer }))).toEqual(['Healed: all copies are that of brick 0']);
    bricks = [{}, { 'trusted.afr.v-client-0': ONE }];
    const done = execute(resolverOf(0, { peer, crawl: async () => await Promise.resolve() }));
    for (let step = 0; step < 50; step += 1) await clock.advance(500);
    expect(await done).toEqual(['Failed: brick 1: it answers 409']);
  });

  it('knows nothing of what is not in split-brain', async () => {
    isSplit = false;
    await expect(resolverOf(0).plan([GFID], 'majority', undefined, never)).rejects.toMatchObject({ code: 'NotFound' });
  });
});

describe('a row', () => {
  const change: RowChange = {
    gfid: GFID,
    child: 'v-client-0',
    add: { data: -1, metadata: 0, entry: 0 },
    expected: { 'trusted.afr.v-client-0': ONE },
  };

  it('is changed when it is as expected, in whatever order its attributes come', async () => {
    bricks[1] = { 'trusted.afr.dirty': ZERO, 'trusted.afr.v-client-0': ONE };
    const expected = { 'trusted.afr.v-client-0': ONE, 'trusted.afr.dirty': ZERO };
    await resolverOf(1).change({ ...change, expected }, never);
    expect(bricks[1]['trusted.afr.v-client-0']).toBe(ZERO);
  });

  it.each<[string, Record<string, string>]>([
    ['a counter has grown', { 'trusted.afr.v-client-0': '000000020000000000000000' }],
    ['it is being written', { 'trusted.afr.v-client-0': ONE, 'trusted.afr.dirty': ONE }],
    ['it is healed', {}],
  ])('is not changed when %s', async (_, now) => {
    bricks[1] = now;
    await expect(resolverOf(1).change(change, never)).rejects.toMatchObject({ code: 'Conflict' });
    expect(calls).toEqual([]);
  });

  it.each([
    [{ child: 'dirty' }],
    [{ child: 'v-client-1' }],
    [{ child: '../x' }],
    [{ add: { data: -2, metadata: 0, entry: 0 } }],
    [{ add: { data: 0, metadata: -1, entry: 0 } }],
  ])('is not changed for %j', async (changes) => {
    await expect(resolverOf(1).change({ ...change, ...changes }, never)).rejects.toMatchObject({ code: 'BadRequest' });
    expect(calls).toEqual([]);
  });

  it('is not changed on a brick that is not proven ours', async () => {
    const resolver = resolverOf(1, { fenced: () => 'another volume' });
    await expect(resolver.change(change, never)).rejects.toMatchObject({ code: 'BrickFenced' });
    expect(calls).toEqual([]);
  });

  it('is not called changed when somebody else did so at the same time', async () => {
    const resolver = resolverOf(1, { add: async () => await Promise.resolve({ data: 1, metadata: 0, entry: 0 }) });
    await expect(resolver.change(change, never)).rejects.toThrow('at the same time');
  });
});
