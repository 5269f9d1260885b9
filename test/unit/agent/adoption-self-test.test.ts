import { beforeEach, describe, expect, it } from 'vitest';
import { AdoptionSelfTest } from '../../../src/agent/adoption-self-test.ts';

const PV = '11111111-1111-4111-8111-111111111111';
const target = { pv: 'pvc-1', path: 'subvol/ab/cd/pvc-1', gfid: PV };
const { signal } = new AbortController();

/** What a brick has in memory: names, and for which namespace each of them counts. */
let names: Map<string, { gfid: string; namespace: string }>;
/** What moving does to them; on 11.1 both count for their parent then. */
let moves: { directory: boolean; file: boolean };
let scratch: string;
let made: number;
let test: AdoptionSelfTest;
let generation: number;
let movedFile: string;

function entry(parent: string, name: string): { gfid: string; namespace: string } | undefined {
  return names.get(`${parent}/${name}`);
}

function byGfid(gfid: string): { gfid: string; namespace: string } {
  const found = [...names.values()].find((candidate) => candidate.gfid === gfid);
  if (found === undefined) throw new Error('ESTALE');
  return found;
}

const make = async ({ parent, name, gfid }: { parent: string; name: string; gfid: string }): Promise<void> => {
  names.set(`${parent}/${name}`, { gfid, namespace: PV });
  if (parent === PV) [scratch, made] = [gfid, made + 1];
};

beforeEach(() => {
  [names, made, generation, scratch] = [new Map(), 0, 1, ''];
  moves = { directory: true, file: true };
  const remove = async (parent: string, name: string): Promise<boolean> => names.delete(`${parent}/${name}`);
  test = new AdoptionSelfTest({
    brick: {
      get generation() {
        return generation;
      },
      lookup: async (parent, name) => {
        const found = entry(parent, name);
        return found === undefined ? undefined : { iatt: { gfid: found.gfid } };
      },
      mkdir: make,
      mknod: make,
      rmdir: remove,
      unlink: async (parent, name) => await remove(parent, String(name)),
      setXattr: async (gfid) => {
        byGfid(gfid).namespace = gfid;
      },
      statfs: async (gfid) => {
        const blocks = byGfid(gfid).namespace === scratch ? 2n ** 37n + 1n : 1000n;
        return { blockSize: 4096n, blocks, free: 1n, available: 1n, inodes: 1n, inodesFree: 1n, simpleQuota: true };
      },
    },
    moveDirectory: async ({ gfid }) => {
      if (moves.directory) byGfid(gfid).namespace = scratch;
      return true;
    },
    moveFile: async (path) => {
      movedFile = path;
      const file = entry(scratch, 'f');
      if (moves.file && file !== undefined) file.namespace = scratch;
    },
  });
});

describe('AdoptionSelfTest', () => {
  it('is run once in each brick process, and leaves nothing', async () => {
    await test.run(target, signal);
    await test.run(target, signal);
    expect(made).toBe(1);
    generation = 2;
    await test.run(target, signal);
    expect(made).toBe(2);
    expect(names.size).toBe(0);
    expect(movedFile).toMatch(/^subvol\/ab\/cd\/pvc-1\/\.kq-t-[0-9a-f]{8}\/f$/);
  });

  it.each(['directory', 'file'] as const)('refuses a brick whose %s stays where it was, each time', async (what) => {
    moves[what] = false;
    for (const _ of [1, 2]) {
      await expect(test.run(target, signal)).rejects.toMatchObject({
        code: 'NotSupported',
        message: expect.stringContaining(`a ${what}`),
      });
    }
    expect(made).toBe(2);
    expect(names.size).toBe(0);
  });

  it('removes what a killed agent has left', async () => {
    const name = '.kq-t-0123abcd';
    names.set(`${PV}/${name}`, { gfid: 'left', namespace: 'left' });
    names.set('left/d', { gfid: 'd', namespace: PV });
    const other = { gfid: 'x', parent: 'elsewhere', name, depth: 2 };
    await test.sweep(target, [{ gfid: 'left', parent: PV, name, depth: 1 }, other]);
    expect(names.size).toBe(0);
  });
});
