/** What a peer can do wrong on the wire, and that each of it costs its own call or connection and nothing more. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Connection, type ConnectionOptions } from '../../../src/rpc/connection.ts';
import type { AgentError } from '../../../src/lib/errors.ts';
import { ECHO_PROGRAM, echo, echoed, textOf } from '../../support/echo.ts';
import { FakeGluster, replyRecord, type FakeAnswer } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { opaque, record, u32 } from '../../support/wire.ts';

/** Long enough for an answer on the loopback, short enough for a test. */
const SHORT_MS = 40;

let peer: FakeGluster;
let connections: Connection[];

beforeEach(async () => {
  peer = await FakeGluster.listen();
  peer.on(ECHO_PROGRAM, 1, echoed);
  connections = [];
});

afterEach(async () => {
  for (const connection of connections) connection.close();
  await peer.close();
});

async function open(options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  const connection = await Connection.open({ address: peer.address, clock: new ManualClock(), ...options });
  connections.push(connection);
  return connection;
}

/** Answers `hurt` with the fault and everything else as it should. */
function faulty(fault: (xid: number) => FakeAnswer): void {
  peer.on(ECHO_PROGRAM, 1, (call) => (textOf(call) === 'hurt' ? fault(call.xid) : echoed(call)));
}

function failing(code: string, message = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

describe('faults that cost one call', () => {
  it('silence is a time-out; the connection goes on', async () => {
    faulty(() => 'silence');
    const connection = await open();
    await expect(connection.call(echo, 'hurt', { timeoutMs: SHORT_MS })).rejects.toThrow(
      failing('Timeout', 'TEST.ECHO'),
    );
    await expect(connection.call(echo, 'next')).resolves.toBe('next');
    expect(connection.outstanding).toBe(1);
  });

  it('an answer after the time-out is nobody’s', async () => {
    const connection = await open();
    let answerLate = (): void => undefined;
    peer.on(ECHO_PROGRAM, 1, (call) => {
      if (textOf(call) !== 'hurt') return echoed(call);
      answerLate = () => call.peer.reply(call, opaque('too late'));
      return 'silence';
    });
    await expect(connection.call(echo, 'hurt', { timeoutMs: SHORT_MS })).rejects.toThrow(failing('Timeout'));
    answerLate();
    await expect(connection.call(echo, 'next')).resolves.toBe('next');
    expect(connection.outstanding).toBe(0);
  });

  it('an answer with an xid that nobody used is ignored', async () => {
    faulty((xid) => ({ raw: replyRecord(xid + 1000, opaque('whose?')) }));
    const connection = await open();
    await expect(connection.call(echo, 'hurt', { timeoutMs: SHORT_MS })).rejects.toThrow(failing('Timeout'));
    await expect(connection.call(echo, 'next')).resolves.toBe('next');
  });

  it('the second of two answers is ignored', async () => {
    faulty((xid) => ({ raw: Buffer.concat([replyRecord(xid, opaque('one')), replyRecord(xid, opaque('two'))]) }));
    const connection = await open();
    await expect(connection.call(echo, 'hurt')).resolves.toBe('one');
    await expect(connection.call(echo, 'next')).resolves.toBe('next');
  });

  it('results that end too early', async () => {
    faulty((xid) => ({ raw: replyRecord(xid, u32(50)) }));
    const connection = await open();
    await expect(connection.call(echo, 'hurt')).rejects.toThrow(failing('RpcProtocol', 'TEST.ECHO'));
    await expect(connection.call(echo, 'next')).resolves.toBe('next');
  });
});

describe('what is no fault', () => {
  it('calls of the server between answers are passed on and never answered', async () => {
    const onCall = vi.fn();
    const connection = await open({ onCall });
    peer.on(ECHO_PROGRAM, 1, (call) => {
      call.peer.callBack(1);
      call.peer.callBack(5);
      return echoed(call);
    });
    await expect(connection.call(echo, 'x')).resolves.toBe('x');
    expect(onCall.mock.calls.map(([{ program, procedure }]) => [program, procedure])).toStrictEqual([
      [52_743_234, 1],
      [52_743_234, 5],
    ]);
    await connection.call(echo, 'y');
    expect(peer.calls).toHaveLength(2);
  });

  it('an answer in many fragments', async () => {
    faulty((xid) => {
      const message = replyRecord(xid, opaque('in pieces')).subarray(4);
      const cuts = [0, 1, 4, 13, 24, message.length];
      const fragments = cuts.slice(1).map((end, i) => {
        const piece = message.subarray(cuts[i], end);
        return Buffer.concat([u32(piece.length + (end === message.length ? 0x8000_0000 : 0)), piece]);
      });
      return { raw: Buffer.concat(fragments) };
    });
    const connection = await open();
    await expect(connection.call(echo, 'hurt')).resolves.toBe('in pieces');
  });

  it('an answer byte by byte', async () => {
    const connection = await open();
    peer.on(ECHO_PROGRAM, 1, async (call): Promise<FakeAnswer> => {
      for (const byte of replyRecord(call.xid, opaque('slow'))) {
        call.peer.send(Buffer.from([byte]));
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      return 'silence';
    });
    await expect(connection.call(echo, 'x')).resolves.toBe('slow');
  });

  it('an answer of megabytes', async () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    peer.on(ECHO_PROGRAM, 1, () => opaque(long));
    const connection = await open();
    await expect(connection.call(echo, 'x')).resolves.toHaveLength(long.length);
  });
});

describe('faults that cost the connection', () => {
  const ends: [name: string, fault: (xid: number) => FakeAnswer, why: string][] = [
    ['xid 0: some call could not be read', () => ({ raw: record(u32(0, 1, 0, 0, 0, 4)) }), 'could not read a call'],
    ['a record over the limit', () => ({ raw: u32(0xffff_ffff) }), 'bytes'],
    ['an HTTP answer', () => ({ raw: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') }), 'bytes'],
    ['a message that is neither call nor reply', (xid) => ({ raw: record(u32(xid, 2, 0)) }), 'neither'],
    ['a reply state that does not exist', (xid) => ({ raw: record(u32(xid, 1, 2)) }), 'reply_stat 2'],
    ['an accept state that does not exist', (xid) => ({ raw: record(u32(xid, 1, 0, 0, 0, 6)) }), 'accept_stat 6'],
    ['a reject state that does not exist', (xid) => ({ raw: record(u32(xid, 1, 1, 2)) }), 'reject_stat 2'],
    ['a header that is cut off', (xid) => ({ raw: record(u32(xid, 1)) }), 'ends early'],
    ['an empty record', () => ({ raw: record(Buffer.alloc(0)) }), 'ends early'],
    [
      'a verifier over the limit',
      (xid) => ({ raw: record(Buffer.concat([u32(xid, 1, 0, 0), opaque(Buffer.alloc(401)), u32(0)])) }),
      '401',
    ],
    ['the end of the stream', () => 'close', 'closed by the peer'],
  ];

  it.each(ends)('%s', async (_, fault, why) => {
    faulty(fault);
    const onClose = vi.fn<(reason: AgentError) => void>();
    const connection = await open({ onClose });
    const calls = await Promise.allSettled(['before', 'hurt'].map(async (text) => connection.call(echo, text)));
    expect(calls).toStrictEqual([
      { status: 'fulfilled', value: 'before' },
      { status: 'rejected', reason: failing('RpcDisconnected', why) },
    ]);
    expect(onClose).toHaveBeenCalledOnce();
    await expect(connection.call(echo, 'after')).rejects.toThrow(failing('RpcDisconnected', why));
    expect([connection.outstanding, connection.waiting]).toStrictEqual([0, 0]);
  });

  it('the end of the stream in the middle of an answer says so', async () => {
    const connection = await open();
    peer.on(ECHO_PROGRAM, 1, (call) => {
      call.peer.socket.end(replyRecord(call.xid, opaque('half of this is missing')).subarray(0, 40));
      return 'silence';
    });
    await expect(connection.call(echo, 'x')).rejects.toThrow(failing('RpcDisconnected', 'middle of a message'));
  });

  it('a process that is killed', async () => {
    const connection = await open();
    peer.on(ECHO_PROGRAM, 1, (call) => {
      call.peer.reset();
      return 'silence';
    });
    await expect(connection.call(echo, 'x')).rejects.toThrow(failing('RpcDisconnected', 'ECONNRESET'));
  });

  it('a peer that answers nothing any more: the connection ends when a call has waited in vain for its turn', async () => {
    peer.on(ECHO_PROGRAM, 1, () => 'silence');
    const connection = await open({ maxOutstanding: 6 });
    const first = await Promise.allSettled(
      [1, 2].map(async (n) => connection.call(echo, `${n}`, { timeoutMs: SHORT_MS })),
    );
    expect(first.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected']);
    // Two slots are gone, but a slow disk is no reason to leave.
    expect(connection.closed).toBeUndefined();
    await expect(connection.call(echo, 'waits', { timeoutMs: SHORT_MS })).rejects.toThrow(failing('Timeout'));
    expect(connection.closed).toMatchObject({
      code: 'RpcDisconnected',
      message: expect.stringContaining('never answered'),
    });
  });

  it('a flood of calls from the server does not starve the event loop', async () => {
    const onCall = vi.fn();
    const connection = await open({ onCall });
    const flood = record(u32(1, 0, 2, 52_743_234, 1, 2, 0, 0, 0, 0));
    peer.on(ECHO_PROGRAM, 1, (call) => {
      call.peer.send(Buffer.concat(Array.from({ length: 20_000 }, () => flood)));
      return echoed(call);
    });
    await expect(connection.call(echo, 'x')).resolves.toBe('x');
    expect(onCall).toHaveBeenCalledTimes(20_000);
  });
});
