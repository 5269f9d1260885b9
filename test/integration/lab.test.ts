import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStatLine } from '../../src/process/stat-line.ts';
import { brickDifferences, pendingHeals, pendingOn } from '../lab/inspect.ts';
import { Lab, leftovers } from '../lab/lab.ts';
import { sweepCrashedLabs } from '../lab/lease.ts';
import type { Mount } from '../lab/mount.ts';
import { identify, isAlive } from '../lab/proc.ts';
import { createPv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { xxHash64 } from '../lab/xxhash.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('a replica 3 volume', () => {
  let lab: Lab;
  let volume: Volume;
  let client: Mount;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'lab-replica' });
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    client = await volume.mount();
  });
  afterAll(async () => lab.destroy());

  it('puts what a client writes on all bricks', async () => {
    await mkdir(`${client.path}/dir`);
    await writeFile(`${client.path}/dir/file`, 'hello');
    for (const brick of volume.bricks) {
      expect(await readFile(`${brick.path}/dir/file`, 'utf8')).toBe('hello');
    }
    expect(await brickDifferences(volume)).toEqual([]);
  });

  it('names gfid2path xattrs by the hash that PVs are spread with', async () => {
    const name = 'n'.repeat(200);
    await writeFile(`${client.path}/${name}`, '');
    const value = `00000000-0000-0000-0000-000000000001/${name}`;
    const hash = xxHash64(Buffer.from(value));
    expect(volume.brick(0).xattr(name, `trusted.gfid2path.${hash}`)?.toString()).toBe(value);
  });

  it('has pending heals while a brick is down, sees the difference, and heals it', async () => {
    const down = volume.brick(2);
    await down.kill('SIGKILL');
    await writeFile(`${client.path}/dir/file`, 'written while brick 2 was down');
    await writeFile(`${client.path}/dir/new`, 'new');
    expect(await pendingOn(volume.brick(0))).toBeGreaterThan(0);
    expect(await brickDifferences(volume)).toContain('dir/new: missing on brick 2');

    await down.start();
    await lab.waitFor('heal', async () => (await pendingHeals(volume)) === 0);
    expect(await brickDifferences(volume)).toEqual([]);
    expect(await readFile(`${down.path}/dir/new`, 'utf8')).toBe('new');
    await client.waitConnected();
  });

  it('is healed by its self-heal daemon alone', async () => {
    await volume.shd.stop();
    await volume.brick(1).kill('SIGKILL');
    await writeFile(`${client.path}/only-shd`, 'x');
    await volume.brick(1).start();
    await client.waitConnected();
    expect(await pendingHeals(volume)).toBeGreaterThan(0);
    await volume.shd.start();
    await lab.waitFor('heal', async () => (await pendingHeals(volume)) === 0);
    expect(await brickDifferences(volume)).toEqual([]);
  });

  it('waits for a frozen brick and goes on after resume', async () => {
    const brick = volume.brick(0);
    brick.pause();
    const state = async () => parseStatLine(await readFile(`/proc/${brick.pid}/stat`, 'latin1'))?.state;
    await expect.poll(state).toBe('T');
    const write = writeFile(`${client.path}/frozen`, 'x');
    brick.resume();
    await write;
    expect(await readFile(`${brick.path}/frozen`, 'utf8')).toBe('x');
  });

  it('is known to glfsheal', async () => {
    const { code, stdout } = await lab.glfsheal(volume, 'info-summary');
    expect(code).toBe(0);
    expect(stdout.match(/^Status: Connected$/gm)).toHaveLength(3);
  });

  it('changes volfiles as kubelet does, and a brick takes them on SIGHUP', async () => {
    const brick = volume.brick(0);
    const before = await readdir(volume.configMap.dir);
    const text = await volume.configMap.text(brick.volfileName);
    await volume.configMap.swap({
      [brick.volfileName]: text.replace('option count-fop-hits off', 'option count-fop-hits on'),
    });
    expect(await readFile(brick.volfile, 'utf8')).toContain('count-fop-hits on');
    const after = await readdir(volume.configMap.dir);
    expect(after.filter((name) => !name.startsWith('..2'))).toEqual(before.filter((name) => !name.startsWith('..2')));
    expect(after.filter((name) => name.startsWith('..2'))).toHaveLength(1);
    expect(after).not.toEqual(before);

    brick.signal('SIGHUP');
    await lab.waitFor('the option in the brick', async () =>
      (await readFile(brick.logFile, 'utf8')).includes('option count-fop-hits using set value on'),
    );
    expect(brick.running).toBe(true);
  });

  it('adds and removes files of the ConfigMap', async () => {
    await volume.configMap.swap({ extra: 'text' });
    expect(await volume.configMap.text('extra')).toBe('text');
    await volume.configMap.swap({ extra: null });
    expect(existsSync(volume.configMap.path('extra'))).toBe(false);
    expect(await readdir(volume.configMap.dir)).not.toContain('extra');
  });

  it('enforces the limit of a PV made as by CSI', async () => {
    const csi = await volume.mount({ pid: -14 });
    const pv = await createPv(csi, 'pvc-1', 4 * MIB, { limit: true });
    const { written, errno } = await writeUntilError(`${client.path}/${pv.relativePath}/file`, 64 * KIB, 8 * MIB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeGreaterThan(3 * MIB);
    expect(written).toBeLessThanOrEqual(4 * MIB);
    await csi.unmount();
    expect(existsSync(csi.path)).toBe(false);
  });

  it('says what failed when a brick cannot start', async () => {
    const brick = volume.brick(2);
    await brick.kill();
    const good = await volume.configMap.text(brick.volfileName);
    await volume.configMap.swap({ [brick.volfileName]: good.replace('storage/posix', 'storage/nonsense') });
    await expect(brick.start()).rejects.toThrow(/brick .*ended.*nonsense/s);
    await volume.configMap.swap({ [brick.volfileName]: good });
    await brick.start();
  });
});

describe('other volume types', () => {
  it.each([
    { type: 'single', shd: false, bricks: 1, kadalu: 'Replica1' },
    { type: 'arbiter', shd: true, bricks: 3, kadalu: 'Arbiter' },
    { type: 'disperse', shd: true, bricks: 3, kadalu: 'Disperse' },
    { type: 'replica', shd: true, bricks: 6, sets: 2, kadalu: 'Replica3' },
    { type: 'replica', shd: true, bricks: 2, perSet: 2, kadalu: 'Replica2' },
  ] as const)('$kadalu with $bricks bricks holds data, and heals where it can', async (row) => {
    const lab = await Lab.create({ name: `lab-${row.kadalu}` });
    try {
      const volume = await lab.volume({
        name: 'vol1',
        type: row.type,
        ...('sets' in row ? { sets: row.sets } : {}),
        ...('perSet' in row ? { bricks: row.perSet } : {}),
      });
      expect(volume.bricks).toHaveLength(row.bricks);
      expect(volume.kadaluType).toBe(row.kadalu);
      await volume.start();
      expect(volume.shd.running).toBe(row.shd);
      const client = await volume.mount();
      await writeFile(`${client.path}/a`, Buffer.alloc(300 * KIB, 'a'));
      if (row.shd) {
        await volume.brick(0).kill();
        for (const name of ['b', 'c', 'd', 'e']) await writeFile(`${client.path}/${name}`, name.repeat(100_000));
        await volume.brick(0).start();
        await lab.waitFor('heal', async () => (await pendingHeals(volume)) === 0);
      }
      expect(await brickDifferences(volume)).toEqual([]);
      expect(await readFile(`${client.path}/a`)).toEqual(Buffer.alloc(300 * KIB, 'a'));
    } finally {
      await lab.destroy();
    }
  });
});

describe('the end of a lab', () => {
  it('leaves no process, mount or folder', async () => {
    const lab = await Lab.create({ name: 'lab-end' });
    const volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const client = await volume.mount();
    await writeFile(`${volume.dir}/lab-end`, '');
    volume.brick(1).pause();
    const pids = [...volume.bricks.map((brick) => brick.pid), volume.shd.pid, client.pid];
    const before = leftovers(lab.dir);
    expect(before.length).toBeGreaterThanOrEqual(pids.length);
    await lab.destroy();
    expect(pids.filter((pid) => identify(pid) !== undefined)).toEqual([]);
    // Another lab may have the number by now, with processes and files of its own.
    expect(leftovers(lab.dir).filter((left) => before.includes(left))).toEqual([]);
    expect(existsSync(`${volume.dir}/lab-end`)).toBe(false);
  });

  it('comes with the death of its owner; the next lab sweeps the folder', async () => {
    const { owner, dir, pids } = await crashedOwner();
    expect(pids.map(identify)).not.toContain(undefined);
    const brickIdentities = pids.map((pid) => identify(pid)).filter((identity) => identity !== undefined);
    const before = leftovers(dir);
    const dead = new Promise((resolve) => {
      owner.once('exit', resolve);
    });
    owner.kill('SIGKILL');
    await dead;
    await expect.poll(() => brickIdentities.filter(isAlive)).toEqual([]);
    await sweepCrashedLabs();
    expect(leftovers(dir).filter((left) => before.includes(left))).toEqual([]);
  });

  it('is swept with the recorded processes that survived, and only with those', async () => {
    const { owner, dir } = await crashedOwner();
    const dead = new Promise((resolve) => {
      owner.once('exit', resolve);
    });
    // Two that the kernel does not end with the owner; the second stands in for a stranger with a recorded pid.
    const [survivor, stranger] = [spawn('sleep', ['600']), spawn('sleep', ['600'])];
    try {
      const [recorded, other] = [identify(survivor.pid ?? 0), identify(stranger.pid ?? 0)];
      if (recorded === undefined || other === undefined) throw new Error('sleep did not start');
      const outdated = { ...other, startTicks: other.startTicks - 1 };
      const lines = [recorded, outdated].map((identity) => `${JSON.stringify(identity)}\n`);
      await appendFile(`${dir}/processes.jsonl`, lines.join(''));
      owner.kill('SIGKILL');
      await dead;
      await sweepCrashedLabs();
      await expect.poll(() => isAlive(recorded)).toBe(false);
      expect(isAlive(other)).toBe(true);
    } finally {
      survivor.kill('SIGKILL');
      stranger.kill('SIGKILL');
    }
  });

  it('does not come for a lab whose owner lives', async () => {
    const lab = await Lab.create({ name: 'lab-alive' });
    try {
      expect(await sweepCrashedLabs()).not.toContain(lab.dir);
      expect(existsSync(lab.dir)).toBe(true);
    } finally {
      await lab.destroy();
    }
  });
});

/** Another process with a lab of one running brick; it tells its folder and the brick's pid. */
async function crashedOwner() {
  const program = `
    import { Lab } from '${import.meta.dirname}/../lab/lab.ts';
    const lab = await Lab.create({ name: 'lab-crash' });
    const volume = await lab.volume({ name: 'vol1', type: 'single' });
    await volume.start();
    const client = await volume.mount();
    console.log(JSON.stringify({ dir: lab.dir, pids: [volume.brick(0).pid, client.pid] }));
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: owner.stdout })) {
    const { dir, pids }: { dir: string; pids: number[] } = JSON.parse(line);
    return { owner, dir, pids };
  }
  throw new Error('the owner ended early');
}
