import { describe, expect, it } from 'vitest';
import { explain, hasStarted, summarise } from '../../../src/heal/child-status.ts';
import { child } from './fake-daemon.ts';

const summary = (...statuses: string[]): string =>
  summarise(statuses.map((status, index) => explain(child(index, status))));

describe('what a daemon says of its bricks', () => {
  it.each([
    ['Brick is remote', 'host name'],
    ['Brick is not connected', 'remote-port'],
    ['< 2 bricks in replica are up', 'start another brick'],
    ['Disperse subvolume is not up', 'start more'],
  ])('explains "%s"', (status, remedy) => {
    expect(explain(child(0, status)).explanation).toContain(remedy);
    expect(hasStarted(child(0, status))).toBe(false);
  });

  it('explains neither success nor what it does not know', () => {
    expect(explain(child(0))).toEqual(child(0));
    expect(explain(child(0, 'Out of cheese'))).toEqual(child(0, 'Out of cheese'));
  });

  it('does not hand on control characters or endless words of a peer', () => {
    expect(explain(child(0, `a\n\u001b[31m${'x'.repeat(1000)}`)).status).toMatch(/^a\?\?\[31mx{193}$/);
  });

  it('counts what started, and gives the remedy when nothing did', () => {
    expect(summary('Started self-heal', 'Started self-heal')).toBe('started on 2 of 2 bricks');
    expect(summary('Started self-heal', 'Brick is remote', 'Brick is remote')).toBe(
      'started on 1 of 3 bricks; vol1-replicate-0 brick 1, vol1-replicate-0 brick 2: Brick is remote',
    );
    expect(summary('Brick is not connected', '< 2 bricks in replica are up')).toMatch(
      /^not started on 0 of 2 bricks; vol1-replicate-0 brick 0: Brick is not connected; .*< 2 bricks.* \(.*start it.*;.*start another.*\)$/,
    );
    expect(summary()).toContain('did nothing');
  });
});
