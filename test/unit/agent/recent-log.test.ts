import { describe, expect, it } from 'vitest';
import { RecentLog } from '../../../src/agent/recent-log.ts';

describe('RecentLog', () => {
  it('keeps the last lines, oldest first', () => {
    const log = new RecentLog();
    expect(log.lines()).toEqual([]);
    for (let line = 0; line < 600; line += 1) log.add(`{"line":${line}}\n`);
    const lines = log.lines();
    expect(lines).toHaveLength(256);
    expect([lines[0], lines.at(-1)]).toEqual(['{"line":344}', '{"line":599}']);
  });

  it('keeps of a long line what is short, and of nonsense nothing', () => {
    const log = new RecentLog();
    log.add(JSON.stringify({ level: 'error', err: { stack: 'x'.repeat(10_000) }, msg: 'it failed' }));
    log.add('x'.repeat(10_000));
    log.add(JSON.stringify(Object.fromEntries(Array.from({ length: 900 }, (_, key) => [`key${key}`, key]))));
    expect(log.lines()).toEqual(['{"level":"error","msg":"it failed","cut":true}', '{"cut":true}', '{"cut":true}']);
  });
});
