import { describe, expect, it } from 'vitest';
import { crawlsEnded, describeOutcome } from '../../../src/heal/crawl-judge.ts';
import { child, crawl } from './fake-daemon.ts';

const LATER = 'Mon Nov 23 08:42:00 2026';
const started = [child(0), child(1), child(2, 'Brick is remote')];

describe('crawlsEnded', () => {
  it('waits for a new crawl of every brick that was started, and sums them up', () => {
    const before = [crawl(0), crawl(1)];
    expect(crawlsEnded(before, before, started)).toBeUndefined();
    const one = [crawl(0, { startedText: LATER, healed: 3 }), crawl(1)];
    expect(crawlsEnded(before, one, started)).toBeUndefined();
    const both = [
      crawl(0, { startedText: LATER, healed: 3 }),
      crawl(1, { startedText: LATER, healed: 1, failed: 2, splitBrain: 1 }),
    ];
    expect(crawlsEnded(before, both, started)).toEqual({ healed: 4, failed: 2, splitBrain: 1 });
  });

  it('waits while one is in progress, and for the one after a crawl that was in progress before', () => {
    const running = [crawl(0, { inProgress: true }), crawl(1, { startedText: LATER })];
    expect(crawlsEnded([], running, started)).toBeUndefined();
    const ended = [crawl(0), crawl(1, { startedText: LATER })];
    expect(crawlsEnded(running, ended, started)).toBeUndefined();
  });

  it('tells two crawls of one second apart by their number', () => {
    const now = [crawl(0, { remembered: 2 }), crawl(1, { remembered: 2 })];
    expect(crawlsEnded([crawl(0), crawl(1)], now, started)).toEqual({ healed: 0, failed: 0, splitBrain: 0 });
  });

  it('leaves out bricks that were not started', () => {
    const now = [crawl(0, { healed: 1 }), crawl(1), crawl(2, { healed: 5, inProgress: true })];
    expect(crawlsEnded([], now, started)).toEqual({ healed: 1, failed: 0, splitBrain: 0 });
    expect(crawlsEnded([], now, [child(2, 'Brick is remote')])).toBeUndefined();
  });

  it('takes all new crawls when the answer was lost', () => {
    const now = [crawl(0, { startedText: LATER, healed: 2 }), crawl(1)];
    expect(crawlsEnded([crawl(0), crawl(1)], now, [])).toEqual({ healed: 2, failed: 0, splitBrain: 0 });
    expect(crawlsEnded([crawl(0), crawl(1)], [crawl(0), crawl(1)], [])).toBeUndefined();
  });

  it('is told in words', () => {
    expect(describeOutcome({ healed: 7, failed: 0, splitBrain: 0 })).toBe('7 healed');
    expect(describeOutcome({ healed: 0, failed: 1, splitBrain: 2 })).toBe(
      '0 healed, 1 attempt failed, 2 in split-brain',
    );
    expect(describeOutcome({ healed: 0, failed: 2, splitBrain: 0 })).toBe('0 healed, 2 attempts failed');
  });
});
