import { beforeEach, describe, expect, it } from 'vitest';
import { crawlStates, DaemonCrawls } from '../../../src/heal/daemon-crawls.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { crawl, FakeDaemon } from './fake-daemon.ts';

const SIGNAL = new AbortController().signal;

let clock: ManualClock;
let daemon: FakeDaemon;
let away: string | undefined;
let isWaiting: boolean | undefined;
let crawls: DaemonCrawls;

beforeEach(() => {
  clock = new ManualClock();
  daemon = new FakeDaemon();
  away = undefined;
  isWaiting = false;
  crawls = new DaemonCrawls({ daemon, away: () => away, isWaiting: () => isWaiting, clock });
});

/** How often it is asked in so many passes. */
async function askedIn(passes: number): Promise<number> {
  const before = daemon.asked;
  for (let index = 0; index < passes; index += 1) await crawls.pass(SIGNAL);
  return daemon.asked - before;
}

describe('DaemonCrawls', () => {
  it('knows nothing before it has asked, and then what the daemon said', async () => {
    expect([crawls.last, crawls.isCrawling]).toEqual([undefined, undefined]);
    daemon.reports = [[crawl(0, { healed: 3, failed: 1 })]];
    await crawls.pass(SIGNAL);
    expect(crawls.isCrawling).toBe(false);
    expect(crawls.last).toEqual({
      at: clock.now(),
      states: [{ kind: 'index', running: 0, bricks: 1, healed: 3, failed: 1, splitBrain: 0 }],
    });
  });

  it('asks once while nothing waits, each time while something does, and once more until the crawl has ended', async () => {
    expect(await askedIn(5)).toBe(1);
    isWaiting = true;
    expect(await askedIn(5)).toBe(5);
    daemon.reports = [[crawl(0, { inProgress: true })]];
    await crawls.pass(SIGNAL);
    expect(crawls.isCrawling).toBe(true);
    isWaiting = false;
    daemon.reports = [[crawl(0)]];
    expect(await askedIn(5)).toBe(1);
    expect(crawls.isCrawling).toBe(false);
  });

  it('of a daemon that keeps no account knows nothing, and asks no more for it while nothing waits', async () => {
    daemon.reports = [undefined];
    expect(await askedIn(5)).toBe(1);
    expect([crawls.last, crawls.isCrawling]).toEqual([undefined, undefined]);
  });

  it('forgets what was said when the daemon is away or does not answer, and asks again when it may', async () => {
    await crawls.pass(SIGNAL);
    away = 'down';
    expect(await askedIn(3)).toBe(0);
    expect(crawls.isCrawling).toBeUndefined();
    away = undefined;
    expect(await askedIn(3)).toBe(1);
    isWaiting = true;
    daemon.reports = [new AgentError('Timeout', 'no answer')];
    await crawls.pass(SIGNAL);
    expect(crawls.last).toBeUndefined();
    isWaiting = false;
    daemon.reports = [[]];
    expect(await askedIn(3)).toBe(1);
    expect(crawls.isCrawling).toBe(false);
  });

  it('ends with its signal, and throws what is no answer', async () => {
    await expect(crawls.pass(AbortSignal.abort(new AgentError('Aborted', 'stopping')))).rejects.toThrow('stopping');
    daemon.crawls = async () => {
      throw new TypeError('a fault of ours');
    };
    await expect(crawls.pass(SIGNAL)).rejects.toThrow('a fault of ours');
  });
});

describe('crawlStates', () => {
  it('adds up the bricks of each kind', () => {
    const full = crawl(0, { kind: 'full', inProgress: true, healed: 7 });
    const other = crawl(3, { xlator: 'vol1-replicate-1', healed: 2, splitBrain: 1 });
    expect(crawlStates([crawl(0, { healed: 1, failed: 4 }), full, other])).toEqual([
      { kind: 'index', running: 0, bricks: 2, healed: 3, failed: 4, splitBrain: 1 },
      { kind: 'full', running: 1, bricks: 1, healed: 7, failed: 0, splitBrain: 0 },
    ]);
  });
});
