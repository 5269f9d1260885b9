/** The same call for many inputs. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Connection, type ConnectionOptions } from '../../../src/rpc/connection.ts';
import { glusterError, type Procedure } from '../../../src/rpc/programs/procedure.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ECHO_PROGRAM, echo, echoed, textOf } from '../../support/echo.ts';
import { FakeGluster, type FakeCall } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { opaque } from '../../support/wire.ts';

let peer: FakeGluster;
let connection: Connection | undefined;

beforeEach(async () => {
  peer = await FakeGluster.listen();
  peer.on(ECHO_PROGRAM, 1, echoed);
});
afterEach(async () => {
  connection?.close();
  await peer.close();
});

async function open(options: Partial<ConnectionOptions> = {}): Promise<Connection> {
  connection = await Connection.open({ address: peer.address, clock: new ManualClock(), ...options });
  return connection;
}

/** Takes calls and does not answer them. */
function hold(): FakeCall[] {
  const held: FakeCall[] = [];
  peer.on(ECHO_PROGRAM, 1, (call) => {
    held.push(call);
    return 'silence';
  });
  return held;
}

const arrived = async (held: readonly FakeCall[], count: number): Promise<void> =>
  await vi.waitFor(() => expect(held).toHaveLength(count), { interval: 2, timeout: 5_000 });

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `call ${n}`);

const refusing: Procedure<string, string> = {
  ...echo,
  decode: (reader) => {
    const text = reader.string();
    if (text === 'call 1') throw glusterError('TEST.ECHO', 2);
    if (text === 'call 9') throw new AgentError('RpcProtocol', 'nonsense');
    return text;
  },
};

describe('the same call for each of many inputs', () => {
  it.each([0, 1, 31, 500])('answers %i in their order', async (count) => {
    const each = (await open()).callEach(echo, names(count), { width: 32 });
    expect(await each).toStrictEqual(names(count));
    expect([connection?.outstanding, connection?.waiting]).toStrictEqual([0, 0]);
  });

  it('has no more than so many under way, and takes an answer in any order', async () => {
    const held = hold();
    const each = (await open()).callEach(echo, names(5), { width: 2 });
    // Of two the later is answered first, and the other with the next.
    for (const [index, sent] of [
      [1, 2],
      [0, 3],
      [3, 4],
      [2, 5],
      [4, 5],
    ] as const) {
      await arrived(held, sent);
      expect(connection?.waiting).toBeLessThanOrEqual(2);
      const call = held[index];
      call?.peer.reply(call, opaque(textOf(call)));
    }
    expect(await each).toStrictEqual(names(5));
  });

  it("puts a refusal in the place of that call's answer", async () => {
    const each = await (await open()).callEach(refusing, names(4), { width: 2 });
    expect(each).toStrictEqual(['call 0', expect.objectContaining({ code: 'GlusterError' }), 'call 2', 'call 3']);
  });

  it('ends at any other failure, and gives up what is under way', async () => {
    const observer = { call: vi.fn<(procedure: string, outcome: string, ms: number) => void>() };
    const alone = await open({ observer });
    await expect(alone.callEach(refusing, names(2_000), { width: 4 })).rejects.toMatchObject({ code: 'RpcProtocol' });
    await vi.waitFor(() => expect(alone.outstanding).toBe(0), { interval: 2 });
    expect(peer.calls.length).toBeLessThan(20);
    // Each call ends once.
    expect(observer.call).toHaveBeenCalledTimes(peer.calls.length);
    expect(await alone.call(echo, 'after')).toBe('after');
  });

  it('that cannot be encoded ends before anything is sent', async () => {
    const bad: Procedure<string, string> = {
      ...echo,
      encode: () => {
        throw new AgentError('BadRequest', 'no such name');
      },
    };
    await expect((await open()).callEach(bad, names(3), { width: 2 })).rejects.toMatchObject({ code: 'BadRequest' });
    expect(peer.calls).toHaveLength(0);
    expect([connection?.outstanding, connection?.waiting]).toStrictEqual([0, 0]);
  });

  it('waits so long for any answer, not for all', async () => {
    const held = hold();
    const each = (await open()).callEach(echo, names(3), { width: 1, timeoutMs: 300 });
    const outcome = each.catch((error: unknown) => error);
    for (const count of [1, 2]) {
      await arrived(held, count);
      await delay(200);
      const call = held[count - 1];
      call?.peer.reply(call, opaque(textOf(call)));
    }
    await arrived(held, 3);
    expect(await outcome).toMatchObject({ code: 'Timeout', message: expect.stringContaining('300 ms') });
    // The server has still to answer it.
    expect(connection?.outstanding).toBe(1);
  });

  it('is given up by its caller', async () => {
    const held = hold();
    const stop = new AbortController();
    const outcome = (await open()).callEach(echo, names(3), { width: 2, signal: stop.signal }).catch((error) => error);
    await arrived(held, 2);
    stop.abort();
    expect(await outcome).toMatchObject({ code: 'Aborted' });
    await expect(connection?.callEach(echo, names(3), { width: 2, signal: stop.signal })).rejects.toMatchObject({
      code: 'Aborted',
    });
  });

  it('ends with its connection, once for each call', async () => {
    const held = hold();
    const observer = { call: vi.fn<(procedure: string, outcome: string, ms: number) => void>() };
    const outcome = (await open({ observer })).callEach(echo, names(9), { width: 3 }).catch((error: unknown) => error);
    await arrived(held, 3);
    connection?.close();
    expect(await outcome).toMatchObject({ code: 'RpcDisconnected' });
    expect(observer.call).toHaveBeenCalledTimes(3);
    await expect(connection?.callEach(echo, names(1), { width: 1 })).rejects.toMatchObject({ code: 'RpcDisconnected' });
  });

  it('leaves slots to others, and waits for a slot as they do', async () => {
    const held = hold();
    const alone = await open({ maxOutstanding: 6 });
    const each = alone.callEach(echo, names(4), { width: 4 });
    await arrived(held, 2);
    expect(alone.waiting).toBe(4);
    for (let n = 0; n < 4; n += 1) {
      await arrived(held, Math.min(4, n + 2));
      const call = held[n];
      call?.peer.reply(call, opaque(textOf(call)));
    }
    expect(await each).toStrictEqual(names(4));
  });
});
