/** A daemon runs for months: after many calls and many connections nothing is kept but the connection itself. */
import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { BrickClient } from '../../../src/rpc/brick-client.ts';
import { Connection } from '../../../src/rpc/connection.ts';
import { ManagementClient } from '../../../src/rpc/management-client.ts';
import { ECHO_PROGRAM, echo, echoed, textOf } from '../../support/echo.ts';
import { FakeGluster } from '../../support/fake-gluster.ts';
import { heapInUse } from '../../support/heap.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { iatt, NULL_DICT, u32 } from '../../support/wire.ts';

/** Kept per call it would be at least a closure: 10,000 of them are above 1 MB. Noise of the test runner is below. */
const ALLOWED_BYTES = 1_000_000;

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

let peer: FakeGluster;

beforeEach(async () => {
  peer = await FakeGluster.listen();
  peer.keepCalls = 0;
});

afterEach(async () => {
  await peer.close();
});

describe('leaks', () => {
  it('10,000 calls that end in every way leave nothing', async () => {
    const rejected = { reject: 4 as const };
    peer.on(ECHO_PROGRAM, 1, (call) => {
      const text = textOf(call);
      if (text.startsWith('refuse')) return rejected;
      return text.startsWith('garbage') ? u32(9999) : echoed(call);
    });
    const connection = await Connection.open({ address: peer.address, clock: new ManualClock() });
    const { signal } = new AbortController();
    const round = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 50) {
        const abort = new AbortController();
        const calls = Array.from({ length: 50 }, async (_, i) => {
          const text = ['fine', 'refuse', 'garbage', 'fine', 'abort'][i % 5] ?? '';
          return connection.call(echo, `${text} ${'x'.repeat(i * 20)}`, {
            signal: text === 'abort' ? abort.signal : signal,
          });
        });
        const ended = Promise.allSettled(calls);
        abort.abort();
        await ended;
      }
      // What was given up is answered in the end.
      await vi.waitFor(() => expect(connection.outstanding).toBe(0));
    };
    await round(2000);
    const before = await heapInUse();
    const timersBefore = timers();
    await round(10_000);
    expect((await heapInUse()) - before).toBeLessThan(ALLOWED_BYTES);
    expect([connection.waiting, connection.outstanding]).toStrictEqual([0, 0]);
    expect(timers()).toBeLessThanOrEqual(timersBefore);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    connection.close();
  }, 60_000);

  it('300 connections that are made and lost leave no descriptor, listener or timer', async () => {
    peer.on(ECHO_PROGRAM, 1, () => 'close');
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const round = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        const connection = await Connection.open({ address: peer.address, clock }, signal);
        await connection.call(echo, 'x', { signal }).catch(() => undefined);
        connection.close();
      }
      await vi.waitFor(() => expect(peer.peers.size).toBe(0));
    };
    await round(50);
    const before = { heap: await heapInUse(), files: openFiles(), timers: timers() };
    await round(300);
    expect(openFiles()).toBe(before.files);
    expect(timers()).toBeLessThanOrEqual(before.timers);
    expect((await heapInUse()) - before.heap).toBeLessThan(ALLOWED_BYTES);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }, 60_000);

  it('a brick that comes and goes 100 times leaves nothing', async () => {
    const found = Buffer.concat([
      u32(0, 0),
      NULL_DICT,
      iatt({ gfid: Buffer.alloc(16, 1) }),
      iatt({ gfid: Buffer.alloc(16) }),
    ]);
    peer.onFop(27, () => found);
    // Pauses are skipped, time is real: each loss is found at once.
    const clock = {
      ...systemClock,
      sleep: async (ms: number, s?: AbortSignal) => systemClock.sleep(ms > 2000 ? ms : 0, s),
    };
    const client = new BrickClient({ host: '127.0.0.1', port: peer.port, brickName: 'b', clock, log: silentLog });
    const round = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        await vi.waitFor(() => expect(client.isUp).toBe(true), { interval: 1 });
        const { generation } = client;
        await Promise.all(Array.from({ length: 20 }, async () => client.lookup(ROOT_GFID, 'x', { pid: 0 })));
        peer.dropAll();
        await vi.waitFor(() => expect(client.generation).toBeGreaterThan(generation), { interval: 1 });
      }
      await vi.waitFor(() => expect(client.isUp).toBe(true), { interval: 1 });
    };
    await round(20);
    const before = { heap: await heapInUse(), files: openFiles() };
    await round(100);
    expect(openFiles()).toBe(before.files);
    expect((await heapInUse()) - before.heap).toBeLessThan(ALLOWED_BYTES);
    await client.stop();
  }, 60_000);

  it('300 questions to a process that is not there leave nothing', async () => {
    using folder = new TemporaryDirectory('leak');
    const client = new ManagementClient({ socketPath: join(folder.path, 'none.socket'), clock: new ManualClock() });
    const round = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        await Promise.allSettled([client.null(), client.clients('b'), client.ping()]);
      }
    };
    await round(50);
    const before = { heap: await heapInUse(), files: openFiles(), timers: timers() };
    await round(300);
    expect(openFiles()).toBe(before.files);
    expect(timers()).toBeLessThanOrEqual(before.timers);
    expect((await heapInUse()) - before.heap).toBeLessThan(ALLOWED_BYTES);
  }, 60_000);
});
