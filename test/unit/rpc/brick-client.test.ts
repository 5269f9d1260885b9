import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { ROOT_GFID, gfidToBytes } from '../../../src/lib/gfid.ts';
import { BrickClient, type BrickClientOptions } from '../../../src/rpc/brick-client.ts';
import { FakeGluster, PROGRAMS } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { dict, gfxDict, iatt, NULL_DICT, opaque, u32, u64, WireReader } from '../../support/wire.ts';

const BRICK = '/bricks/a/brick';
const SETVOLUME = 1;
const PING = 3;
const STATFS = 14;
const LOOKUP = 27;

let peer: FakeGluster;
let clock: ManualClock;
let log: { debug: Log; info: Log; warn: Log; error: Log };
let onChange: ReturnType<typeof vi.fn<() => void>>;
let client: BrickClient;
let sleep: MockInstance<ManualClock['sleep']>;

type Log = ReturnType<typeof vi.fn<(facts: object, message: string) => void>>;

beforeEach(async () => {
  peer = await FakeGluster.listen();
  clock = new ManualClock();
  sleep = vi.spyOn(clock, 'sleep');
  log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  onChange = vi.fn();
});

afterEach(async () => {
  await client.stop();
  await peer.close();
});

function start(options: Partial<BrickClientOptions> = {}): BrickClient {
  client = new BrickClient({ host: '127.0.0.1', port: peer.port, brickName: BRICK, clock, log, onChange, ...options });
  return client;
}

async function eventually(look: () => void): Promise<void> {
  await vi.waitFor(look, { interval: 2, timeout: 5000 });
}

async function up(): Promise<void> {
  await eventually(() => expect(client.isUp).toBe(true));
}

/** Lets time pass in small steps until `look` is content, so that pauses between attempts end. */
async function pass(look: () => void): Promise<void> {
  await vi.waitFor(
    async () => {
      await clock.advance(500);
      look();
    },
    { interval: 2, timeout: 5000 },
  );
}

/** Pauses between attempts so far, in milliseconds; 5000 is the one between pings. */
function pauses(): number[] {
  return sleep.mock.calls.map(([ms]) => ms).filter((ms) => ms !== 5000);
}

function failing(code: string, message = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

describe('handshake', () => {
  it('says who we are and which brick we want', async () => {
    start({ username: 'user', password: 'secret' });
    await up();
    const [found] = peer.peers;
    expect(found?.volume).toMatchObject({
      'remote-subvolume': BRICK,
      'process-name': 'brick-agent',
      'fops-version': '1298437',
      opversion: '100000',
      username: 'user',
      password: 'secret',
    });
    expect(client.generation).toBe(1);
    expect(onChange).toHaveBeenCalledOnce();
    expect(JSON.stringify(log.info.mock.calls)).not.toContain('secret');
  });

  it('leaves credentials out when there are none', async () => {
    start();
    await up();
    expect(Object.keys([...peer.peers][0]?.volume ?? {})).not.toContain('password');
  });

  it.each([
    ['brick-10', '10'],
    ['brick-11', '11'],
  ] as const)('%s is told by the programs it serves', async (kind, major) => {
    await peer.close();
    peer = await FakeGluster.listen({ kind });
    start();
    expect(client.majorVersion).toBeUndefined();
    await up();
    expect(client.majorVersion).toBe(major);
  });

  it('never uses a process uuid twice', async () => {
    const uuids = new Set<string | undefined>();
    start();
    for (let round = 1; round <= 5; round += 1) {
      await pass(() => expect(client.generation).toBe(round));
      uuids.add([...peer.peers][0]?.volume?.['process-uuid']);
      peer.dropAll();
    }
    expect(uuids.size).toBe(5);
    expect(uuids).not.toContain(undefined);
  });

  it('a refusal is reported and tried again, ever more seldom', async () => {
    peer.on(PROGRAMS.handshake, SETVOLUME, () =>
      Buffer.concat([u32(-1, 2), opaque(dict({ ERROR: 'Brick not found' }))]),
    );
    start();
    await eventually(() => expect(client.downReason).toContain('Brick not found'));
    expect(client.isUp).toBe(false);
    expect(onChange).not.toHaveBeenCalled();
    await pass(() => expect(peer.accepted).toBe(5));
    // 1 s, 2 s, 4 s, 8 s, each with up to half of it off.
    const [first = 0, second = 0, third = 0, fourth = 0] = pauses();
    expect([first >= 500, second >= 1000, third >= 2000, fourth >= 4000]).toStrictEqual([true, true, true, true]);
    // Said once, however often it was tried.
    expect(log.warn).toHaveBeenCalledOnce();
    peer.on(PROGRAMS.handshake, SETVOLUME, () => Buffer.concat([u32(0, 22), opaque('')]));
    await pass(() => expect(client.isUp).toBe(true));
  });

  it('a brick that is not ready yet is tried again soon', async () => {
    peer.on(PROGRAMS.handshake, SETVOLUME, () =>
      Buffer.concat([u32(-1, 11), opaque(dict({ ERROR: 'xlator graph in server is not initialised yet' }))]),
    );
    start();
    await eventually(() => expect(client.downReason).toContain('not initialised'));
    await pass(() => expect(peer.accepted).toBe(3));
    expect(pauses()[0]).toBeLessThanOrEqual(100);
    expect(pauses()[1]).toBeLessThanOrEqual(200);
  });

  it('a listener that says nothing is given up', async () => {
    peer.on(PROGRAMS.dump, 1, () => 'silence');
    start({ pingTimeoutMs: 30 });
    await eventually(() => expect(client.downReason).toContain('no answer within 30 ms'));
    await eventually(() => expect(peer.peers.size).toBe(0));
  });
});

describe('losing the brick', () => {
  it('calls fail at once while it is away, and go on after it is back', async () => {
    start();
    await expect(client.ping()).rejects.toThrow(failing('RpcDisconnected'));
    await up();
    await client.ping();
    const { port } = peer;
    await peer.close();
    await eventually(() => expect(client.isUp).toBe(false));
    await eventually(() => expect(onChange).toHaveBeenCalledTimes(2));
    await expect(client.ping()).rejects.toThrow(failing('RpcDisconnected', 'closed by the peer'));
    await expect(client.statfs(ROOT_GFID, { pid: 0 })).rejects.toThrow(failing('RpcDisconnected'));
    await pass(() => expect(client.downReason).toContain('ECONNREFUSED'));
    peer = await FakeGluster.listen({ port });
    await pass(() => expect(client.isUp).toBe(true));
    await client.ping();
    expect(client.generation).toBe(2);
    expect(onChange).toHaveBeenCalledTimes(3);
  });

  it('what was under way fails and is not repeated', async () => {
    peer.onFop(STATFS, (call) => {
      call.peer.reset();
      return 'silence';
    });
    start();
    await up();
    await expect(client.statfs(ROOT_GFID, { pid: 0 })).rejects.toThrow(failing('RpcDisconnected'));
    await pass(() => expect(client.generation).toBe(2));
    expect(peer.callsOf(PROGRAMS.fop, STATFS)).toHaveLength(1);
  });

  it('a brick that accepts and drops is not asked in a tight loop', async () => {
    peer.on(PROGRAMS.handshake, SETVOLUME, (call) => {
      call.peer.reply(call, Buffer.concat([u32(0, 22), opaque('')]));
      return 'close';
    });
    start();
    await pass(() => expect(peer.accepted).toBe(8));
    expect(pauses()[6]).toBeGreaterThanOrEqual(1000);
  });

  it('a brick that was up for long is asked again at once', async () => {
    start();
    await up();
    for (let restart = 0; restart < 6; restart += 1) {
      await clock.advance(5000);
      const { generation } = client;
      peer.dropAll();
      await pass(() => expect(client.generation).toBe(generation + 1));
    }
    expect(Math.max(...pauses())).toBeLessThanOrEqual(100);
  });

  it('a frozen brick is noticed after three pings without an answer', async () => {
    start({ pingTimeoutMs: 20 });
    await up();
    peer.on(PROGRAMS.handshake, PING, () => 'silence');
    for (let ping = 1; ping <= 3; ping += 1) {
      expect(client.isUp).toBe(true);
      await clock.advance(5000);
      await eventually(() => expect(peer.callsOf(PROGRAMS.handshake, PING)).toHaveLength(ping));
      await new Promise((resolve) => {
        setTimeout(resolve, 40);
      });
    }
    await eventually(() => expect(client.isUp).toBe(false));
    expect(client.downReason).toContain('3 pings in a row');
  });

  it('one ping that is lost is forgiven', async () => {
    start({ pingTimeoutMs: 20 });
    await up();
    for (const answer of ['silence', 'silence', 'answer', 'silence', 'silence', 'answer'] as const) {
      peer.on(PROGRAMS.handshake, PING, () =>
        answer === 'silence' ? 'silence' : Buffer.concat([u32(0, 0), opaque('')]),
      );
      peer.forget();
      await clock.advance(5000);
      await eventually(() => expect(peer.callsOf(PROGRAMS.handshake, PING)).toHaveLength(1));
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
    }
    expect([client.isUp, client.generation]).toStrictEqual([true, 1]);
  });

  it('a handler of changes that throws costs nothing but its own log line', async () => {
    onChange.mockImplementation(() => {
      throw new Error('handler');
    });
    start();
    await up();
    await client.ping();
    expect(log.error).toHaveBeenCalledOnce();
  });
});

describe('stopping', () => {
  it('ends the connection, and nothing comes after', async () => {
    start();
    await up();
    await client.stop();
    expect(client.isUp).toBe(false);
    await expect(client.ping()).rejects.toThrow(failing('RpcDisconnected'));
    await eventually(() => expect(peer.peers.size).toBe(0));
    await clock.advance(60_000);
    expect(peer.accepted).toBe(1);
    // Our own stop is no loss.
    expect(log.warn).not.toHaveBeenCalled();
  });

  it('in the middle of a handshake', async () => {
    peer.on(PROGRAMS.handshake, SETVOLUME, () => 'silence');
    start();
    await eventually(() => expect(peer.callsOf(PROGRAMS.handshake, SETVOLUME)).toHaveLength(1));
    await client.stop();
    await eventually(() => expect(peer.peers.size).toBe(0));
  });

  it('in a pause between attempts', async () => {
    await peer.close();
    start();
    await eventually(() => expect(client.downReason).toContain('ECONNREFUSED'));
    await client.stop();
  });
});

describe('calls', () => {
  const gfid = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');

  it('a path is looked up name by name from the root, with the pid that was asked for', async () => {
    peer.onFop(LOOKUP, (call) => {
      const reader = new WireReader(call.args);
      const [self, parent] = [reader.bytes(16), reader.bytes(16)];
      reader.u32();
      const name = reader.text();
      const found = name === '' ? self : Buffer.from(parent).fill(name.charCodeAt(0), 15);
      return Buffer.concat([u32(0, 0), NULL_DICT, iatt({ gfid: found }), iatt({ gfid: parent })]);
    });
    start();
    await up();
    const reply = await client.resolvePath(['a', 'b'], { pid: -14 });
    expect(reply?.iatt.gfid).toBe('00000000-0000-0000-0000-000000000062');
    const calls = peer.callsOf(PROGRAMS.fop, LOOKUP);
    expect(calls.map(({ pid }) => pid)).toStrictEqual([-14, -14, -14]);
    expect(calls[0]?.args.subarray(0, 16)).toStrictEqual(gfidToBytes(ROOT_GFID));
  });

  it('a path ends at the first name that is not there', async () => {
    peer.onFop(LOOKUP, (call) => {
      const isRoot = call.args.subarray(0, 16).equals(gfidToBytes(ROOT_GFID));
      const body = [NULL_DICT, iatt({ gfid }), iatt({ gfid })];
      return Buffer.concat([isRoot ? u32(0, 0) : u32(-1, 2), ...body]);
    });
    start();
    await up();
    await expect(client.resolvePath(['none', 'below'], { pid: 0 })).resolves.toBeUndefined();
    expect(peer.callsOf(PROGRAMS.fop, LOOKUP)).toHaveLength(2);
  });

  it('quota shows in STATFS', async () => {
    const numbers = u64(4096n, 4096n, 2561n, 2000n, 1999n, 10n, 9n, 9n, 2n ** 64n - 1n, 0n, 255n);
    const xdata = gfxDict({ 'simple-quota': [2, u64(1n)] });
    peer.onFop(STATFS, () => Buffer.concat([u32(0, 0), xdata, numbers]));
    start();
    await up();
    await expect(client.statfs(ROOT_GFID, { pid: -14 })).resolves.toStrictEqual({
      blockSize: 4096n,
      blocks: 2561n,
      free: 2000n,
      available: 1999n,
      inodes: 10n,
      inodesFree: 9n,
      simpleQuota: true,
    });
  });

  it('a refusal names procedure and errno', async () => {
    peer.onFop(STATFS, () => Buffer.concat([u32(-1, 116), NULL_DICT, Buffer.alloc(88)]));
    start();
    await up();
    await expect(client.statfs(ROOT_GFID, { pid: 0 })).rejects.toMatchObject({
      code: 'GlusterError',
      details: { errno: 116, errnoName: 'ESTALE', procedure: 'FOP.STATFS' },
    });
    expect(client.isUp).toBe(true);
  });

  it('a brick that hangs in its disk costs a time-out, and pings still pass', async () => {
    peer.onFop(STATFS, () => 'silence');
    start();
    await up();
    const hung = Array.from({ length: 70 }, async () => client.statfs(ROOT_GFID, { pid: 0, timeoutMs: 60 }));
    const ended = Promise.allSettled(hung);
    await client.ping();
    expect((await ended).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('the call of the brick that its volfile has changed is passed on', async () => {
    const onCall = vi.fn();
    start({ onCall });
    await up();
    for (const one of peer.peers) one.callBack(1);
    await eventually(() => expect(onCall).toHaveBeenCalledWith({ program: 52_743_234, version: 1, procedure: 1 }));
  });
});
