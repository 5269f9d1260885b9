import { describe, expect, it } from 'vitest';
import { FlowWindow } from '../../../src/heal/flow-window.ts';

describe('FlowWindow', () => {
  it('says nothing before the second look', () => {
    const flow = new FlowWindow();
    expect(flow.rates()).toBeUndefined();
    flow.open(1000);
    flow.add(1000, 0, 0);
    expect(flow.rates()).toBeUndefined();
  });

  it('divides by the time seen, and by the window once that is longer', () => {
    const flow = new FlowWindow(60_000);
    flow.open(0);
    flow.add(0, 0, 0);
    flow.add(10_000, 5, 20);
    expect(flow.rates()).toEqual({ inPerSecond: 0.5, outPerSecond: 2 });
    for (let at = 15_000; at <= 60_000; at += 5000) flow.add(at, 0, 0);
    expect(flow.rates()).toEqual({ inPerSecond: 5 / 60, outPerSecond: 20 / 60 });
    for (let at = 65_000; at <= 75_000; at += 5000) flow.add(at, 0, 6);
    expect(flow.rates()).toEqual({ inPerSecond: 0, outPerSecond: 18 / 60 });
  });

  it('forgets all when nobody looked for longer than the window', () => {
    const flow = new FlowWindow(60_000);
    flow.open(0);
    flow.add(10_000, 0, 100);
    flow.add(100_000, 0, 5000);
    expect(flow.rates()).toBeUndefined();
    flow.add(110_000, 0, 10);
    expect(flow.rates()).toEqual({ inPerSecond: 0, outPerSecond: 1 });
  });

  it('adds up looks that come faster than its buckets', () => {
    const flow = new FlowWindow(60_000);
    flow.open(0);
    for (let at = 1; at <= 10_000; at += 1) flow.add(at, 1, 0);
    expect(flow.rates()).toEqual({ inPerSecond: 1000, outPerSecond: 0 });
  });
});
