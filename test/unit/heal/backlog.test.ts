import { beforeEach, describe, expect, it } from 'vitest';
import { Backlog, STALE_AFTER_MS, STALL_AFTER_MS, whyHealing } from '../../../src/heal/backlog.ts';
import { ABSENT, atLeast, counts } from './counts.ts';

const WALL = 1_700_000_000_000;
const STEP = 5000;

let now: number;
let backlog: Backlog;

beforeEach(() => {
  now = 0;
  backlog = new Backlog();
});

const look = (...args: Parameters<typeof counts>): void => backlog.observe(counts(...args), now, WALL + now);
const state = (): string => {
  const { state, reason } = backlog.view(now);
  return `${state}/${reason}`;
};

/** Looks at the same counts until so much time has passed. */
function rest(ms: number, ...args: Parameters<typeof counts>): void {
  for (const end = now + ms; now < end;) {
    now += STEP;
    look(...args);
  }
}

describe('Backlog, from Unknown', () => {
  it('stays Unknown before the first look', () => {
    expect(backlog.view(now)).toEqual({
      state: 'Unknown',
      reason: 'NotObserved',
      message: 'the heal index has not been looked at yet',
      pending: { xattrop: undefined, dirty: undefined, entryChanges: undefined },
      observedAt: undefined,
      pendingSince: undefined,
      inPerSecond: undefined,
      outPerSecond: undefined,
      etaSeconds: undefined,
    });
  });

  it('goes to Complete with two indices at 0', () => {
    look(0, 0);
    expect(backlog.view(now)).toMatchObject({
      state: 'Complete',
      reason: 'NothingPending',
      message: 'nothing waits for heal as far as this brick knows',
      observedAt: WALL,
      pendingSince: undefined,
      etaSeconds: undefined,
    });
  });

  it('stays Unknown, loudly, while an empty brick has nothing pending', () => {
    backlog.observe({ ...counts(0), isEmptyBrick: true }, now, WALL);
    expect(backlog.view(now)).toMatchObject({
      state: 'Unknown',
      reason: 'BrickEmpty',
      message: expect.stringContaining('wiped or replaced'),
      pending: { xattrop: 0, dirty: 0, entryChanges: 0 },
    });
    backlog.observe({ ...counts(2), isEmptyBrick: true }, now, WALL);
    expect(state()).toBe('Progressing/Waiting');
    backlog.observe({ ...counts(0), isEmptyBrick: false }, now, WALL);
    expect(state()).toBe('Complete/NothingPending');
  });

  it('goes to Progressing with anything pending', () => {
    look(3, 1);
    expect(backlog.view(now)).toMatchObject({
      state: 'Progressing',
      reason: 'Waiting',
      message: '3 objects and 1 changed name wait for heal, the first seen 0 ms ago; none healed yet',
      pending: { xattrop: 3, dirty: 0, entryChanges: 1 },
      pendingSince: WALL,
    });
  });

  it('stays Unknown while the xattrop or the entry-changes index is missing', () => {
    backlog.observe({ ...counts(0), xattrop: ABSENT }, now, WALL);
    expect(state()).toBe('Unknown/CountUnknown');
    expect(backlog.view(now).message).toContain('no xattrop index');
    backlog.observe({ ...counts(0), entryChanges: ABSENT }, now, WALL);
    expect(state()).toBe('Unknown/CountUnknown');
    expect(backlog.view(now).message).toContain('no entry-changes index');
  });

  it('does not need a dirty index, which disperse has not', () => {
    backlog.observe({ ...counts(0), dirty: ABSENT }, now, WALL);
    expect(state()).toBe('Complete/NothingPending');
    expect(backlog.view(now).pending.dirty).toBeUndefined();
  });

  it('stays Unknown while 0 is only a lower bound, and leaves the number out', () => {
    backlog.observe({ ...counts(0), xattrop: atLeast(0) }, now, WALL);
    expect(state()).toBe('Unknown/CountUnknown');
    expect(backlog.view(now)).toMatchObject({
      message: 'the xattrop index is not counted to its end yet',
      pending: { xattrop: undefined, entryChanges: 0 },
    });
  });

  it('is Progressing when at least some are pending', () => {
    backlog.observe({ ...counts(0), xattrop: atLeast(7) }, now, WALL);
    expect(state()).toBe('Progressing/Waiting');
    expect(backlog.view(now).message).toContain('at least 7 objects wait');
  });
});

describe('Backlog, from Complete', () => {
  beforeEach(() => look(0));

  it('goes to Progressing when something comes', () => {
    now += STEP;
    look(1);
    expect(state()).toBe('Progressing/Waiting');
    expect(backlog.view(now)).toMatchObject({ pendingSince: WALL + STEP, inPerSecond: 0.2 });
    expect(backlog.view(now).message).toContain('1 object waits for heal');
  });

  it('goes to Progressing when only names are pending', () => {
    look(0, 4);
    expect(state()).toBe('Progressing/Waiting');
  });

  it('stays Complete with writes in flight, and says so', () => {
    look(0, 0, 1);
    expect(state()).toBe('Complete/NothingPending');
    expect(backlog.view(now).message).toContain('; 1 object is being written');
    look(0, 0, 2);
    expect(backlog.view(now).message).toContain('; 2 objects are being written');
  });

  it('goes to Unknown when a look fails, without old numbers, and comes back', () => {
    backlog.fail('the brick hangs');
    expect(backlog.view(now)).toMatchObject({
      state: 'Unknown',
      reason: 'ObservationFailed',
      message: 'the heal index cannot be read: the brick hangs',
      pending: { xattrop: undefined, dirty: undefined, entryChanges: undefined },
      inPerSecond: undefined,
      observedAt: WALL,
    });
    look(0);
    expect(state()).toBe('Complete/NothingPending');
  });

  it('goes to Unknown when nobody looks any more', () => {
    now += STALE_AFTER_MS;
    expect(state()).toBe('Complete/NothingPending');
    now += 1;
    expect(state()).toBe('Unknown/ObservationTooOld');
  });
});

describe('Backlog, from Progressing', () => {
  beforeEach(() => look(10));

  it('is Falling once something went out, with rate and time to go', () => {
    now += 10_000;
    look(8);
    const view = backlog.view(now);
    expect(view).toMatchObject({ state: 'Progressing', reason: 'Falling', outPerSecond: 0.2, etaSeconds: 40 });
    expect(view.message).toBe('8 objects wait for heal; the last was healed 0 ms ago');
  });

  it('counts names that are healed below one directory as progress', () => {
    look(1, 1000);
    now += 10_000;
    look(1, 900);
    expect(state()).toBe('Progressing/Falling');
  });

  it('has no time to go while it grows as fast as it falls', () => {
    now += 10_000;
    look(15);
    now += 10_000;
    look(14);
    expect(backlog.view(now)).toMatchObject({ state: 'Progressing', inPerSecond: 0.25, outPerSecond: 0.05 });
    expect(backlog.view(now).etaSeconds).toBeUndefined();
  });

  it('goes to Complete when all went out', () => {
    now += STEP;
    look(0);
    expect(state()).toBe('Complete/NothingPending');
    expect(backlog.view(now).pendingSince).toBeUndefined();
  });

  it('goes to Stalled when nothing went out for the stall time', () => {
    rest(STALL_AFTER_MS - STEP, 10);
    expect(state()).toBe('Progressing/Waiting');
    rest(STEP, 10);
    expect(state()).toBe('Stalled/NothingHealed');
    expect(backlog.view(now).message).toContain('10 objects wait for heal and none was healed for 15 min');
  });

  it('goes to Stalled while it only grows', () => {
    for (let entries = 11; now < STALL_AFTER_MS; entries += 1) {
      now += STEP;
      look(entries);
    }
    expect(state()).toBe('Stalled/NothingHealed');
  });

  it('counts the stall time from the last that went out', () => {
    rest(STALL_AFTER_MS / 2, 10);
    rest(STALL_AFTER_MS / 2, 9);
    expect(state()).toBe('Progressing/Falling');
    rest(STALL_AFTER_MS / 2 + STEP, 9);
    expect(state()).toBe('Stalled/NothingHealed');
  });

  it('goes to Unknown, not to Stalled, when the count could not be followed', () => {
    for (const end = now + STALL_AFTER_MS; now < end;) {
      now += STEP;
      backlog.observe({ ...counts(0), xattrop: atLeast(10) }, now, WALL + now);
    }
    expect(state()).toBe('Unknown/CountUnknown');
    expect(backlog.view(now).message).toContain('at least 10 objects wait for heal, but the xattrop index');
  });

  it('keeps since when it is pending over a failed look', () => {
    backlog.fail('a moment');
    expect(backlog.view(now).pendingSince).toBeUndefined();
    now += STEP;
    look(10);
    expect(backlog.view(now).pendingSince).toBe(WALL);
  });

  it('sees what went out during a failed look', () => {
    backlog.fail('a moment');
    now += STEP;
    look(4);
    expect(state()).toBe('Progressing/Falling');
  });
});

describe('Backlog, from Stalled', () => {
  beforeEach(() => {
    look(10);
    rest(STALL_AFTER_MS, 10);
  });

  it('stays Stalled at the next look', () => {
    now += STEP;
    look(10);
    expect(state()).toBe('Stalled/NothingHealed');
  });

  it('goes to Progressing when something goes out', () => {
    now += STEP;
    look(9);
    expect(state()).toBe('Progressing/Falling');
  });

  it('goes to Complete when all goes out', () => {
    now += STEP;
    look(0);
    expect(state()).toBe('Complete/NothingPending');
  });

  it('goes to Unknown when a look fails', () => {
    backlog.fail('x');
    expect(state()).toBe('Unknown/ObservationFailed');
  });

  it('stays Stalled when more comes', () => {
    now += STEP;
    look(20);
    expect(state()).toBe('Stalled/NothingHealed');
  });

  it('begins anew after it was empty once', () => {
    look(0);
    now += STEP;
    look(1);
    expect(state()).toBe('Progressing/Waiting');
    expect(backlog.view(now).pendingSince).toBe(WALL + now);
  });
});

describe('whyHealing', () => {
  it('is nothing without objects that wait, also when names of what was healed are left over', () => {
    look(0, 0);
    expect(whyHealing(backlog.view(now))).toBeUndefined();
    look(0, 1);
    expect(whyHealing(backlog.view(now))).toBeUndefined();
  });

  it.each([
    ['an object waits', counts(1, 0)],
    ['objects are not counted', { ...counts(0, 1), xattrop: ABSENT }],
    ['not all objects are counted', { ...counts(0, 1), xattrop: atLeast(0) }],
    ['names are not counted', { ...counts(0), entryChanges: atLeast(0) }],
  ])('is what is known where %s', (_, found) => {
    backlog.observe(found, now, WALL);
    expect(whyHealing(backlog.view(now))).toBe(backlog.view(now).message);
  });

  it('is that nothing is known, or an empty brick', () => {
    expect(whyHealing(backlog.view(now))).toContain('not been looked at');
    backlog.observe({ ...counts(0), isEmptyBrick: true }, now, WALL);
    expect(whyHealing(backlog.view(now))).toContain('empty');
  });
});
