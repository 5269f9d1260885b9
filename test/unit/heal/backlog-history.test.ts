import { describe, expect, it } from 'vitest';
import { BacklogHistory, POINT_MS, POINTS } from '../../../src/heal/backlog-history.ts';

describe('BacklogHistory', () => {
  it('keeps the last of each point, oldest first', () => {
    const history = new BacklogHistory();
    expect(history.points()).toEqual([]);
    history.note(5, 0);
    history.note(7, POINT_MS - 1);
    history.note(3, POINT_MS);
    expect(history.points()).toEqual([7, 3]);
  });

  it('shows what nobody looked at, or could not be seen, as not known', () => {
    const history = new BacklogHistory();
    history.note(5, 0);
    history.note(undefined, POINT_MS);
    history.note(1, 4 * POINT_MS);
    expect(history.points()).toEqual([5, null, null, null, 1]);
  });

  it('keeps an hour, however long it runs, and forgets it all after a longer pause', () => {
    const history = new BacklogHistory();
    for (let point = 0; point < 3 * POINTS; point += 1) history.note(point, point * POINT_MS);
    const points = history.points();
    expect(points).toHaveLength(POINTS);
    expect([points[0], points.at(-1)]).toEqual([2 * POINTS, 3 * POINTS - 1]);
    history.note(42, 9 * POINTS * POINT_MS);
    expect(history.points()).toEqual([42]);
  });
});
