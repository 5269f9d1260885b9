import { randomUUID } from 'node:crypto';
import { constants as fsConstants, existsSync, readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { ROOT_GFID } from '../../src/lib/gfid.ts';
import { silentLog } from '../../src/lib/log.ts';
import { BrickClient, type BrickClientOptions } from '../../src/rpc/brick-client.ts';
import { PID } from '../../src/rpc/credential.ts';
import { gfxBytes, gfxBytesOf, gfxIntegerOf, gfxText, gfxTextOf } from '../../src/rpc/gfx-dict.ts';
import { isDirectory } from '../../src/rpc/iatt.ts';
import { ManagementClient } from '../../src/rpc/management-client.ts';
import type { Brick } from '../lab/brick.ts';
import { Lab } from '../lab/lab.ts';

const HELPER = { pid: PID.quotaHelper };
const NAMESPACE = 'trusted.glusterfs.namespace';
const LIMIT = 'trusted.gfs.squota.limit';
/** simple-quota counts a file that is made as this many bytes. */
const ENTRY_BYTES = 512n;

let lab: Lab;
let brick: Brick;
const clients: { stop: () => Promise<void> }[] = [];

function connectTo(target: Brick, options: Partial<BrickClientOptions> = {}): BrickClient {
  const { port, name: brickName } = target;
  const client = new BrickClient({
    host: '127.0.0.1',
    port,
    brickName,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
  clients.push(client);
  return client;
}

async function connected(options: Partial<BrickClientOptions> = {}): Promise<BrickClient> {
  const client = connectTo(brick, options);
  await lab.waitFor('the handshake', () => client.isUp);
  return client;
}

function management(socketPath = brick.socket): ManagementClient {
  const client = new ManagementClient({ socketPath, clock: systemClock });
  clients.push({ stop: async () => client.close() });
  return client;
}

function quotaSize(directory: string): string | undefined {
  return brick.xattr(directory, 'trusted.gfs.squota.size')?.toString('latin1').replace('\0', '');
}

/** A new directory below the root. */
async function makeDirectory(client: BrickClient): Promise<{ gfid: string; name: string }> {
  const [gfid, name] = [randomUUID(), randomUUID()];
  await client.mkdir({ parent: ROOT_GFID, name, mode: 0o755, gfid }, HELPER);
  return { gfid, name };
}

beforeAll(async () => {
  lab = await Lab.create({ name: 'rpc' });
  const volume = await lab.volume({ name: 'rpc', type: 'single' });
  await volume.start();
  brick = volume.brick(0);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.stop()));
});

afterAll(async () => {
  await lab.destroy();
});

describe('handshake', () => {
  it('tells the version by the programs and counts its successes', async () => {
    const client = await connected();
    await client.ping();
    expect([client.majorVersion, client.generation, client.downReason]).toStrictEqual(['11', 1, undefined]);
  });

  it('says in the words of the brick why it was refused', async () => {
    const client = connectTo(brick, { brickName: '/nosuch' });
    await lab.waitFor('the refusal', () => client.downReason?.includes('Brick not found') === true);
    await expect(client.statfs(ROOT_GFID, HELPER)).rejects.toMatchObject({ code: 'RpcDisconnected' });
  });

  it('may come and go in quick succession: every connection has a uuid of its own', async () => {
    for (let i = 0; i < 100; i += 1) await (await connected()).stop();
    expect(await (await connected()).lookupGfid(ROOT_GFID, [], HELPER)).toBeDefined();
  });
});

describe('names', () => {
  it('resolves a path, and is told of what is not there', async () => {
    const client = await connected();
    const { gfid, name } = await makeDirectory(client);
    const reply = await client.resolvePath([name], HELPER);
    expect(reply?.iatt.gfid).toBe(gfid);
    expect(reply !== undefined && isDirectory(reply.iatt)).toBe(true);
    expect(await client.resolvePath([name, 'nosuch', 'deeper'], HELPER)).toBeUndefined();
    expect(await client.stat(randomUUID(), HELPER)).toBeUndefined();
    expect((await client.stat(gfid, HELPER))?.nlink).toBe(2);
  });

  it('names the errno of what the brick refuses', async () => {
    const client = await connected();
    const { name } = await makeDirectory(client);
    await expect(
      client.mkdir({ parent: ROOT_GFID, name, mode: 0o755, gfid: randomUUID() }, HELPER),
    ).rejects.toMatchObject({
      code: 'GlusterError',
      details: { errno: constants.errno.EEXIST, errnoName: 'EEXIST', procedure: 'FOP.MKDIR' },
    });
  });

  it('takes a file through its life', async () => {
    const client = await connected();
    const { gfid: parent, name: directory } = await makeDirectory(client);
    const path = `${brick.path}/${directory}`;
    const flags = fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_EXCL;
    const gfid = randomUUID();
    const fd = await client.create({ parent, name: 'a', flags, mode: 0o600, gfid }, HELPER);
    await client.fallocate(fd, { offset: 0n, size: 1_048_576n }, HELPER);
    expect(statSync(`${path}/a`).size).toBe(1_048_576);
    await client.ftruncate(fd, 4096n, HELPER);
    expect(statSync(`${path}/a`).size).toBe(4096);
    expect(await client.rename({ parent, name: 'a', newParent: parent, newName: 'b' }, HELPER)).toBe(true);
    expect(await client.rename({ parent, name: 'a', newParent: parent, newName: 'b' }, HELPER)).toBe(false);
    expect(readdirSync(path)).toStrictEqual(['b']);
    expect(await client.unlink(parent, 'b', HELPER)).toBe(true);
    expect(await client.unlink(parent, 'b', HELPER)).toBe(false);
    // It lives on for who has it open.
    expect(existsSync(`${brick.path}/.glusterfs/unlink/${gfid}`)).toBe(true);
    await client.release(fd, HELPER);
    await lab.waitFor('the file to be gone', () => !existsSync(`${brick.path}/.glusterfs/unlink/${gfid}`));
  });

  it('lists a directory over many pages, each name once', async () => {
    const client = await connected();
    const { gfid: parent } = await makeDirectory(client);
    const names = Array.from({ length: 2500 }, (_, i) => `a-directory-with-quite-a-long-name-${i}`);
    await Promise.all(
      names.map(async (name) => await client.mkdir({ parent, name, mode: 0o755, gfid: randomUUID() }, HELPER)),
    );
    const found: string[] = [];
    for await (const { name } of client.entries(parent, HELPER)) found.push(name.toString());
    expect(found.toSorted()).toStrictEqual(['.', '..', ...names].toSorted());
  });
});

describe('xattrs', () => {
  it('are stored as their type says', async () => {
    const client = await connected();
    const { gfid, name } = await makeDirectory(client);
    const values = new Map([
      ['user.text', gfxText('ab')],
      ['user.bytes', gfxBytes(Buffer.from('ab'))],
      ['user.number', { type: 'INT' as const, value: -5n }],
    ]);
    await client.setXattr(gfid, values, HELPER);
    const stored = [...values.keys()].map((key) => brick.xattr(name, key)?.toString('latin1'));
    expect(stored).toStrictEqual(['ab\0', 'ab', '-5\0']);
    expect(gfxTextOf(await client.getXattr(gfid, 'user.text', HELPER))).toBe('ab');
    expect(gfxIntegerOf(await client.getXattr(gfid, 'user.number', HELPER))).toBe(-5n);
    expect([...(await client.listXattrs(gfid, HELPER)).keys()].toSorted()).toStrictEqual([...values.keys()].toSorted());
    await client.removeXattr(gfid, 'user.text', HELPER);
    await client.removeXattr(gfid, 'user.text', HELPER);
    expect(await client.getXattr(gfid, 'user.text', HELPER)).toBeUndefined();
  });

  it('can be made only, or replaced only', async () => {
    const client = await connected();
    const { gfid } = await makeDirectory(client);
    const values = new Map([['user.a', gfxText('x')]]);
    await expect(client.setXattr(gfid, values, { ...HELPER, mode: 'replace' })).rejects.toMatchObject({
      details: { errnoName: 'ENODATA' },
    });
    await client.setXattr(gfid, values, { ...HELPER, mode: 'create' });
    await expect(client.setXattr(gfid, values, { ...HELPER, mode: 'create' })).rejects.toMatchObject({
      details: { errnoName: 'EEXIST' },
    });
  });

  it('come along with a lookup, and changelogs are added up', async () => {
    const client = await connected();
    const { gfid } = await makeDirectory(client);
    const key = 'trusted.afr.rpc-client-1';
    const add = (hex: string) => ({
      gfid,
      kind: 'add' as const,
      values: new Map([[key, gfxBytes(Buffer.from(hex, 'hex'))]]),
    });
    const once = await client.xattrop(add('000000020000000000000001'), { pid: PID.selfHeal });
    expect(gfxBytesOf(once.get(key))?.toString('hex')).toBe('000000020000000000000001');
    await client.xattrop(add('ffffffff00000000ffffffff'), { pid: PID.selfHeal });
    const { xattrs } = (await client.lookupGfid(gfid, [key, 'trusted.nosuch'], HELPER)) ?? { xattrs: new Map() };
    expect([...xattrs.keys()]).toStrictEqual([key]);
    expect(gfxBytesOf(xattrs.get(key))?.toString('hex')).toBe('000000010000000000000000');
  });
});

describe('quota', () => {
  it('is made, shown by STATFS, and written to disk by the helper', async () => {
    const client = await connected();
    const { gfid, name } = await makeDirectory(client);
    expect((await client.statfs(gfid, HELPER)).simpleQuota).toBe(false);
    await client.setXattr(gfid, new Map([[NAMESPACE, gfxText('true')]]), HELPER);
    await client.setXattr(gfid, new Map([[LIMIT, gfxText('104857600')]]), HELPER);
    const flags = fsConstants.O_RDWR | fsConstants.O_CREAT;
    const file = await client.create({ parent: gfid, name: 'f', flags, mode: 0o600, gfid: randomUUID() }, HELPER);
    await client.fallocate(file, { offset: 0n, size: 1_048_576n }, HELPER);
    const { simpleQuota, blockSize, blocks, free } = await client.statfs(gfid, HELPER);
    expect([simpleQuota, blocks]).toStrictEqual([true, 104_857_600n / blockSize + 1n]);
    expect((blocks - free) * blockSize).toBe(1_048_576n);
    await lab.waitFor('the counter on disk', () => quotaSize(name) === `${1_048_576n + ENTRY_BYTES}`);
    expect(quotaSize(name)).toBe('1049088');
  });
});

describe('locks', () => {
  it('keep others out until they are given free', async () => {
    const [one, other] = [await connected(), await connected()];
    const { gfid } = await makeDirectory(one);
    await one.lockEntries(gfid, 'rpc-replicate-0', 'lock', { ...HELPER, lockOwner: Buffer.from('one') });
    const theirs = { ...HELPER, lockOwner: Buffer.from('other') };
    const order: string[] = [];
    const waiting = other.lockEntries(gfid, 'rpc-replicate-0', 'lock', theirs).then(() => order.push('locked'));
    // Its lock is in front of this on the same connection.
    await other.stat(gfid, HELPER);
    order.push('freed');
    await one.lockEntries(gfid, 'rpc-replicate-0', 'unlock', { ...HELPER, lockOwner: Buffer.from('one') });
    await waiting;
    expect(order).toStrictEqual(['freed', 'locked']);
  });

  it('that were given up do not stay behind', async () => {
    const [one, other] = [await connected(), await connected()];
    const { gfid } = await makeDirectory(one);
    const mine = { ...HELPER, lockOwner: Buffer.from('one') };
    await one.lockEntries(gfid, 'rpc-replicate-0', 'lock', mine);
    const theirs = { ...HELPER, lockOwner: Buffer.from('other'), timeoutMs: 200 };
    await expect(other.lockEntries(gfid, 'rpc-replicate-0', 'lock', theirs)).rejects.toMatchObject({ code: 'Timeout' });
    await one.lockEntries(gfid, 'rpc-replicate-0', 'unlock', mine);
    await one.lockEntries(gfid, 'rpc-replicate-0', 'lock', mine);
    await lab.waitFor('the other to be back', () => other.generation === 2);
  });
});

describe('management socket', () => {
  it('shows who is connected, and what the process holds', async () => {
    const client = await connected();
    const ask = management();
    await ask.null();
    await ask.ping();
    await client.statfs(ROOT_GFID, HELPER);
    expect((await ask.clients(brick.name)).map(({ name }) => name)).toStrictEqual(['brick-agent']);
    expect((await ask.programs()).map(({ name }) => name)).toContain('Gluster Brick operations');
    expect((await ask.inodes(brick.name)).tables).toHaveLength(1);
    expect((await ask.memory(brick.name)).mallinfo.get('uordblks')).toBeGreaterThan(0n);
    expect((await ask.calls(brick.name)).count).toBeGreaterThan(0);
    expect((await ask.xlatorInfo(brick.name)).seconds).toBeGreaterThanOrEqual(0n);
  });

  it('has nobody connected when nobody is', async () => {
    const ask = management();
    await lab.waitFor('the clients to be gone', async () => (await ask.clients(brick.name)).length === 0);
    expect(await ask.clients(brick.name)).toStrictEqual([]);
  });

  it('refuses names that it does not know, each in its own way', async () => {
    const ask = management();
    await expect(ask.clients('/nosuch')).rejects.toMatchObject({ details: { reason: 'EMPTY_REPLY' } });
    await expect(ask.xlatorInfo('/nosuch')).rejects.toMatchObject({ code: 'GlusterError' });
    await expect(ask.barrier(brick.name, 'enable')).rejects.toMatchObject({ details: { reason: 'EMPTY_REPLY' } });
    await ask.terminate('/nosuch');
    await ask.null();
  });

  it('may be asked for pending heals even where there is no self-heal daemon', async () => {
    const { children } = await management().xlatorOp({ op: 'count', xlators: [{ name: 'rpc-replicate-0', id: 0 }] });
    expect(children).toStrictEqual([]);
  });
});

describe('a refused namespace', () => {
  // Late, because 11.1 forgets to let go of a client that was refused: it stays in the brick's list of clients until the end.
  it('is told to ordinary clients, and the connection lives on', async () => {
    const client = await connected();
    const { gfid } = await makeDirectory(client);
    const attempt = client.setXattr(gfid, new Map([[NAMESPACE, gfxText('true')]]), { pid: PID.client });
    await expect(attempt).rejects.toMatchObject({ code: 'RpcRejected', details: { reason: 'GARBAGE_ARGS' } });
    expect([client.isUp, client.generation]).toStrictEqual([true, 1]);
  });
});

describe('a brick that comes and goes', () => {
  it('is noticed at once when it dies, and found again when it is back', async () => {
    const changes: boolean[] = [];
    const client: BrickClient = connectTo(brick, { onChange: () => changes.push(client.isUp) });
    const ask = management();
    await lab.waitFor('the handshake', () => client.isUp);
    await ask.null();
    await brick.kill('SIGKILL');
    await lab.waitFor('the loss', () => !client.isUp);
    await expect(client.statfs(ROOT_GFID, HELPER)).rejects.toMatchObject({ code: 'RpcDisconnected' });
    await expect(ask.null()).rejects.toMatchObject({ code: 'RpcDisconnected' });
    await brick.start();
    await lab.waitFor('the new handshake', () => client.generation === 2);
    await ask.null();
    expect((await client.statfs(ROOT_GFID, HELPER)).blocks).toBeGreaterThan(0n);
    expect(changes).toStrictEqual([true, false, true]);
  });

  it('counts as lost when it is frozen, although its sockets stay open', async () => {
    const client = await connected({ pingIntervalMs: 50, pingTimeoutMs: 200 });
    brick.pause();
    try {
      await lab.waitFor('the loss', () => client.downReason?.includes('3 pings in a row') === true);
    } finally {
      brick.resume();
    }
    await lab.waitFor('the new handshake', () => client.generation === 2);
    expect(client.downReason).toBeUndefined();
  });

  it('ends when it is told to', async () => {
    const ask = management();
    await ask.terminate(brick.name);
    // It sends itself SIGTERM, and ends with the number of the signal.
    expect(await brick.exited()).toStrictEqual({ code: 15, signal: null });
    await brick.start();
  });
});
