import { describe, expect, it } from 'vitest';
import { Pace, type PaceOptions } from '../../../src/brick/scan/pace.ts';
import { refusal } from '../../support/refusal.ts';

/** A clock on which each tick of the pace costs a hundredth of a millisecond of work. */
function setup(duty: number): {
  pace: Pace;
  work: (entries: number) => void;
  pauses: number[];
  reports: () => number;
} & {
  flag: PaceOptions['flag'];
} {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const pauses: number[] = [];
  let time = 1000;
  let reports = 0;
  const pace = new Pace({
    id: 7,
    flag,
    duty,
    report: () => (reports += 1),
    now: () => time,
    sleep: (ms) => {
      pauses.push(ms);
      time += ms;
    },
  });
  const work = (entries: number): void => {
    for (let entry = 0; entry < entries; entry += 1) {
      time += 0.01;
      pace.tick();
    }
  };
  return { pace, work, pauses, reports: () => reports, flag };
}

describe('Pace', () => {
  it('rests in proportion to the work done', () => {
    const { pace, work, pauses } = setup(0.25);
    work(100_000);
    const rest = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(rest).toBeGreaterThan(2950);
    expect(rest).toBeLessThanOrEqual(3000);
    expect(Math.max(...pauses)).toBeLessThan(40);
    expect(pace.restMs).toBeCloseTo(rest);
  });

  it('never rests at full speed, but reports some times a second', () => {
    const { pace, work, pauses, reports } = setup(1);
    work(200_000);
    expect(pauses).toEqual([]);
    expect(pace.restMs).toBe(0);
    expect(reports()).toBe(7);
  });

  it('gives up when the flag names it, and only then', () => {
    const { work, flag } = setup(1);
    flag[0] = 6;
    expect(refusal(() => work(1000))).toBe('ok');
    flag[0] = 7;
    expect(refusal(() => work(128))).toBe('Aborted');
  });
});
