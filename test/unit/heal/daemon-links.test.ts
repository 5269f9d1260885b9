import { beforeEach, describe, expect, it } from 'vitest';
import { DaemonLinks, type DaemonLinksOptions } from '../../../src/heal/daemon-links.ts';
import type { DaemonChild } from '../../../src/heal/ports.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SIGNAL = new AbortController().signal;

function child(set: number, index: number, isConnected: boolean | undefined = true): DaemonChild {
  const name = `vol1-client-${set * 2 + index}`;
  return { xlator: `vol1-replicate-${set}`, child: index, name, pendingName: name, isConnected };
}

let clock: ManualClock;
let children: DaemonChild[] | Error;
let connections: string | undefined;
let away: string | undefined;
let asked: number;
let links: DaemonLinks;

beforeEach(() => {
  clock = new ManualClock();
  children = [child(0, 0), child(0, 1), child(1, 0), child(1, 1)];
  connections = '1 2 3 4';
  away = undefined;
  asked = 0;
  const options: DaemonLinksOptions = {
    self: 'vol1-client-0',
    daemon: {
      children: async () => {
        asked += 1;
        if (children instanceof Error) throw children;
        return children;
      },
    },
    away: () => away,
    connections: async () => connections,
    clock,
  };
  links = new DaemonLinks(options);
});

async function pass(ms = 0): Promise<void> {
  await clock.advance(ms);
  await links.pass(SIGNAL);
}

/** How often it is asked in so many passes of 5 s. */
async function askedIn(passes: number): Promise<number> {
  const before = asked;
  for (let index = 0; index < passes; index += 1) await pass(5000);
  return asked - before;
}

describe('DaemonLinks', () => {
  it('knows nothing before it has asked', () => {
    expect(links.condition).toMatchObject({ type: 'BricksConnected', status: 'Unknown' });
    expect(links.disconnected()).toBeUndefined();
  });

  it('asks twice, and then every five minutes while no connection changes', async () => {
    await pass();
    expect(links.condition).toMatchObject({ status: 'True', message: expect.stringContaining('all 4 bricks') });
    expect(links.disconnected()).toEqual({ own: 0, other: 0 });
    expect(await askedIn(3)).toBe(1);
    expect(await askedIn(56)).toBe(0);
    expect(await askedIn(5)).toBe(1);
  });

  it('names the brick that was lost, says whose set it is of, and asks again after the log-in', async () => {
    await pass();
    await pass(5000);
    [connections, children] = ['1 2 4', [child(0, 0), child(0, 1, false), child(1, 0, false), child(1, 1)]];
    await pass(5000);
    expect(links.condition.status).toBe('False');
    expect(links.condition.message).toContain('vol1-client-1, vol1-client-2 (another set)');
    expect(links.disconnected()).toEqual({ own: 1, other: 1 });
    // The connection is there, and the log-in has not ended.
    connections = '1 2 4 9';
    await pass(5000);
    expect(links.condition.status).toBe('False');
    children = [child(0, 0), child(0, 1), child(1, 0), child(1, 1)];
    await pass(5000);
    expect(links.condition.status).toBe('True');
  });

  it('asks at most every two seconds, however often a log-in is refused', async () => {
    for (let index = 0; index < 50; index += 1) {
      connections = String(index);
      await pass(200);
    }
    expect(asked).toBe(5);
  });

  it('asks once a minute where connections cannot be seen', async () => {
    connections = undefined;
    await pass();
    expect(await askedIn(24)).toBe(2);
  });

  it('does not ask a daemon that is not there, and forgets what it said', async () => {
    children = [child(0, 0), child(0, 1, false)];
    await pass();
    away = 'pid 7 is not running';
    await pass(5000);
    expect(links.condition).toMatchObject({ status: 'Unknown', message: 'pid 7 is not running' });
    expect([links.links, links.disconnected(), asked]).toEqual([[], undefined, 1]);
    away = undefined;
    await pass(5000);
    expect(links.condition.status).toBe('False');
  });

  it.each<[string, DaemonChild[] | Error]>([
    ['does not answer', new AgentError('Timeout', 'no answer')],
    ['says nothing of one brick', [child(0, 0), { ...child(0, 1), isConnected: undefined }]],
    ['says nothing at all', []],
  ])('knows nothing of a daemon that %s, and asks again', async (_, answer) => {
    children = answer;
    await pass();
    expect(links.condition.status).toBe('Unknown');
    expect(links.disconnected()).toBeUndefined();
    expect(await askedIn(2)).toBe(1);
    expect(await askedIn(12)).toBe(2);
    children = [child(0, 0), child(0, 1)];
    await askedIn(6);
    expect(links.condition.status).toBe('True');
  });

  it('tells of a brick without a connection although it knows nothing of another', async () => {
    children = [child(0, 0, false), { ...child(0, 1), isConnected: undefined }];
    await pass();
    expect(links.condition.status).toBe('False');
    // At least.
    expect(links.disconnected()).toEqual({ own: 1, other: 0 });
  });

  it('says of bricks that a daemon tells nothing of what its TCP connections show', async () => {
    const fragment = (index: number, isReached: boolean): DaemonChild => {
      const isConnected = isReached ? undefined : false;
      return {
        ...child(0, index),
        isConnected,
        xlator: `vol1-disperse-${index < 2 ? 0 : 1}`,
        pendingName: undefined,
        isReached,
      };
    };
    children = [0, 1, 2].map((index) => fragment(index, true));
    await pass();
    expect(links.condition).toMatchObject({
      status: 'Unknown',
      message: expect.stringMatching(/has a TCP connection to each of 3 bricks/),
    });
    expect(links.disconnected()).toBeUndefined();
    [connections, children] = ['1 2', [fragment(0, true), fragment(1, true), fragment(2, false)]];
    await pass(5000);
    expect(links.condition).toMatchObject({
      status: 'False',
      message: expect.stringContaining('vol1-client-2 (another set)'),
    });
    expect(links.disconnected()).toEqual({ own: 0, other: 1 });
  });
});
