import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { Connection, type ConnectionOptions } from '../../../src/rpc/connection.ts';
import { brickNull } from '../../../src/rpc/programs/brick-operations.ts';
import { glusterError, type Procedure } from '../../../src/rpc/programs/procedure.ts';
import { ECHO_PROGRAM, echo, echoed, textOf, urgentEcho } from '../../support/echo.ts';
import { FakeGluster, type FakeCall } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { opaque, u32 } from '../../support/wire.ts';

let peer: FakeGluster;
let clock: ManualClock;
let connections: Connection[];

beforeEach(async () => {
  peer = await FakeGluster.listen();
  peer.on(ECHO_PROGRAM, 1, echoed).on(ECHO_PROGRAM, 2, echoed);
  clock = new ManualClock();
  connections = [];
});

afterEach(async () => {
  for (const connection of connections) connection.close();
  await peer.close();
});

async function open(options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  const connection = await Connection.open({ address: peer.address, clock, ...options });
  connections.push(connection);
  return connection;
}

/** Takes calls without answering; `answer` does so later, by text. */
function hold(): { held: FakeCall[]; answer: (text: string) => void } {
  const held: FakeCall[] = [];
  peer.on(ECHO_PROGRAM, 1, (call) => {
    held.push(call);
    return 'silence';
  });
  return {
    held,
    answer: (text) => {
      const call = held.find((candidate) => textOf(candidate) === text);
      call?.peer.reply(call, opaque(text));
    },
  };
}

async function arrived(held: FakeCall[], count: number): Promise<void> {
  await vi.waitFor(() => expect(held).toHaveLength(count), { interval: 2, timeout: 5000 });
}

function failing(code: string, message = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

describe('calls', () => {
  it('are matched by xid, in whatever order the answers come', async () => {
    const connection = await open();
    const { held, answer } = hold();
    const calls = ['a', 'b', 'c'].map(async (text) => connection.call(echo, text));
    await arrived(held, 3);
    for (const text of ['c', 'a', 'b']) answer(text);
    expect(await Promise.all(calls)).toStrictEqual(['a', 'b', 'c']);
    expect([connection.outstanding, connection.waiting]).toStrictEqual([0, 0]);
  });

  it('of one turn leave in one write', async () => {
    const connection = await open();
    const write = vi.spyOn(Socket.prototype, 'write');
    const calls = Array.from({ length: 20 }, async (_, i) => connection.call(echo, `call ${i}`));
    await Promise.resolve();
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    const writes = write.mock.calls.length;
    write.mockRestore();
    await Promise.all(calls);
    expect(writes).toBe(1);
  });

  it('carry the credential and the time of the call', async () => {
    const connection = await open();
    await connection.call(echo, 'x', {
      credential: { pid: -14, uid: 7, gid: 8, groups: [9], lockOwner: Buffer.from('lk') },
    });
    const [call] = peer.callsOf(ECHO_PROGRAM, 1);
    expect(call?.pid).toBe(-14);
    expect(call?.lockOwner.toString()).toBe('lk');
    expect(call?.credential.toString('hex')).toBe(
      Buffer.concat([u32(-14, 7, 8, 0), u32(0, 0, 1_700_000_000), u32(1, 9), opaque('lk')]).toString('hex'),
    );
  });

  it('never use xid 0, nor one that is in use', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(1 - 2 ** -32);
    const connection = await open();
    random.mockRestore();
    for (const text of ['a', 'b', 'c']) await connection.call(echo, text);
    expect(peer.calls.map(({ xid }) => xid)).toStrictEqual([1, 2, 3]);
  });

  it('that cannot be encoded fail alone, without a trace on the wire', async () => {
    const connection = await open();
    const bad: Procedure<void, string> = {
      ...echo,
      encode: (writer) => {
        writer.uint32(1);
        throw new AgentError('BadRequest', 'no such name');
      },
    };
    const calls = await Promise.allSettled([
      connection.call(echo, 'before'),
      connection.call(bad, undefined),
      connection.call(echo, 'after'),
    ]);
    expect(calls).toStrictEqual([
      { status: 'fulfilled', value: 'before' },
      { status: 'rejected', reason: failing('BadRequest') },
      { status: 'fulfilled', value: 'after' },
    ]);
    expect(peer.calls).toHaveLength(2);
    expect(connection.outstanding).toBe(0);
  });

  it('tell the observer how they ended', async () => {
    const observer = { call: vi.fn<(procedure: string, outcome: string, ms: number) => void>() };
    const connection = await open({ observer });
    await connection.call(echo, 'x');
    peer.on(ECHO_PROGRAM, 1, () => ({ reject: 4 }));
    await connection.call(echo, 'y').catch(() => undefined);
    expect(observer.call.mock.calls).toStrictEqual([
      ['TEST.ECHO', 'ok', 0],
      ['TEST.ECHO', 'RpcRejected', 0],
    ]);
  });
});

describe('answers', () => {
  it.each([
    [1, 'PROG_UNAVAIL'],
    [2, 'PROG_MISMATCH'],
    [3, 'PROC_UNAVAIL'],
    [4, 'GARBAGE_ARGS'],
    [5, 'SYSTEM_ERR'],
  ] as const)('accept_stat %d is %s', async (reject, reason) => {
    peer.on(ECHO_PROGRAM, 1, () => ({ reject }));
    const connection = await open();
    await expect(connection.call(echo, 'x')).rejects.toMatchObject({
      code: 'RpcRejected',
      details: { reason, procedure: 'TEST.ECHO' },
    });
    expect(connection.closed).toBeUndefined();
  });

  it('a denied call says what the brick wants', async () => {
    peer.on(ECHO_PROGRAM, 1, () => 'denied');
    const connection = await open();
    await expect(connection.call(echo, 'x')).rejects.toThrow(failing('RpcRejected', 'rpc-auth-allow-insecure'));
  });

  it('without a body mean that the handler failed', async () => {
    peer.on(ECHO_PROGRAM, 1, () => Buffer.alloc(0));
    const connection = await open();
    await expect(connection.call(echo, 'x')).rejects.toMatchObject({ details: { reason: 'EMPTY_REPLY' } });
  });

  it('without a body are right for procedures that have none', async () => {
    peer.onBrick(0, () => Buffer.alloc(0));
    const connection = await open();
    await expect(connection.call(brickNull, undefined)).resolves.toBeUndefined();
  });

  it('that cannot be read fail their call only', async () => {
    const connection = await open();
    peer.on(ECHO_PROGRAM, 1, (call) => (textOf(call) === 'bad' ? u32(1000) : echoed(call)));
    const calls = await Promise.allSettled([connection.call(echo, 'bad'), connection.call(echo, 'good')]);
    expect(calls).toStrictEqual([
      { status: 'rejected', reason: failing('RpcProtocol', 'TEST.ECHO') },
      { status: 'fulfilled', value: 'good' },
    ]);
    expect(connection.closed).toBeUndefined();
  });

  it('that Gluster refused keep their errno', async () => {
    const connection = await open();
    const refused: Procedure<string, string> = {
      ...echo,
      decode: () => {
        throw glusterError('TEST.ECHO', 122);
      },
    };
    await expect(connection.call(refused, 'x')).rejects.toMatchObject({
      code: 'GlusterError',
      details: { errno: 122, errnoName: 'EDQUOT', procedure: 'TEST.ECHO' },
    });
  });
});

describe('limits', () => {
  it('no more calls are with the server than it reads; the others follow as answers come', async () => {
    const connection = await open({ maxOutstanding: 10 });
    const { held, answer } = hold();
    const calls = Array.from({ length: 20 }, async (_, i) => connection.call(echo, `${i}`));
    await arrived(held, 6);
    expect([connection.outstanding, connection.waiting]).toStrictEqual([6, 20]);
    for (let i = 0; i < 20; i += 1) {
      await arrived(held, Math.min(20, 6 + i));
      answer(`${i}`);
    }
    expect(await Promise.all(calls)).toStrictEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
  });

  it('a liveness probe passes the calls that hang', async () => {
    const connection = await open({ maxOutstanding: 10 });
    const { held } = hold();
    const calls = Array.from({ length: 12 }, async (_, i) => connection.call(echo, `${i}`));
    const ended = Promise.allSettled(calls);
    await arrived(held, 6);
    await expect(connection.call(urgentEcho, 'alive')).resolves.toBe('alive');
    connection.close();
    await ended;
  });

  it('a call gone wild is refused at once', async () => {
    const connection = await open({ maxOutstanding: 5, maxQueued: 3 });
    hold();
    const calls = Array.from({ length: 4 }, async (_, i) => connection.call(echo, `${i}`));
    const ended = Promise.allSettled(calls);
    await expect(connection.call(echo, 'one too many')).rejects.toThrow(failing('Internal', '3 calls wait'));
    connection.close();
    await ended;
  });
});

describe('giving up', () => {
  it('by signal, before and while a call is under way or waits for its turn', async () => {
    const connection = await open({ maxOutstanding: 5 });
    const { held } = hold();
    const abort = new AbortController();
    const calls = ['sent', 'queued'].map(async (text) => connection.call(echo, text, { signal: abort.signal }));
    const ended = Promise.allSettled(calls);
    await arrived(held, 1);
    abort.abort();
    const aborted = { status: 'rejected', reason: failing('Aborted') };
    expect(await ended).toStrictEqual([aborted, aborted]);
    await expect(connection.call(echo, 'late', { signal: abort.signal })).rejects.toThrow(failing('Aborted'));
    expect(connection.waiting).toBe(0);
    expect(held).toHaveLength(1);
  });

  it('a call that was given up counts until the server has answered it', async () => {
    const connection = await open({ maxOutstanding: 5 });
    const { held, answer } = hold();
    const abort = new AbortController();
    const first = connection.call(echo, 'first', { signal: abort.signal });
    const second = connection.call(echo, 'second');
    await arrived(held, 1);
    abort.abort();
    await expect(first).rejects.toThrow(failing('Aborted'));
    expect([connection.outstanding, connection.waiting]).toStrictEqual([1, 1]);
    answer('first');
    await arrived(held, 2);
    answer('second');
    await expect(second).resolves.toBe('second');
    expect(connection.outstanding).toBe(0);
  });

  it('close fails what is under way and what waits, and says so once', async () => {
    const onClose = vi.fn<(reason: AgentError) => void>();
    const connection = await open({ maxOutstanding: 5, onClose });
    const { held } = hold();
    const calls = ['sent', 'queued'].map(async (text) => connection.call(echo, text));
    const ended = Promise.allSettled(calls);
    await arrived(held, 1);
    connection.close();
    connection.close();
    const lost = { status: 'rejected', reason: failing('RpcDisconnected', 'TEST.ECHO') };
    expect(await ended).toStrictEqual([lost, lost]);
    await expect(connection.call(echo, 'x')).rejects.toThrow(failing('RpcDisconnected', 'closed by us'));
    expect(onClose).toHaveBeenCalledOnce();
    expect(connection.closed).toMatchObject({ code: 'RpcDisconnected' });
  });
});

describe('connecting', () => {
  it('fails when nobody listens', async () => {
    await peer.close();
    await expect(open()).rejects.toThrow(failing('RpcDisconnected', 'ECONNREFUSED'));
  });

  it('fails when there is no socket file', async () => {
    await expect(open({ address: { path: '/nonexistent/glusterd.socket' } })).rejects.toThrow(
      failing('RpcDisconnected', 'ENOENT'),
    );
  });

  it('can be given up before and during', async () => {
    const abort = new AbortController();
    const opening = Connection.open({ address: peer.address, clock }, abort.signal);
    abort.abort();
    await expect(opening).rejects.toThrow(failing('Aborted'));
    await expect(Connection.open({ address: peer.address, clock }, abort.signal)).rejects.toThrow(failing('Aborted'));
  });
});
