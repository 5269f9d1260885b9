/** What keeps a process that is there from doing anything, until somebody lets it go on. */
import type { ProcessInfo } from './identity.ts';

export type Halt = 'Stopped' | 'Frozen';

export const HALTS: Readonly<Record<Halt, { words: string; remedy: string }>> = {
  Stopped: {
    words: 'stopped by a signal or a debugger',
    remedy: 'let it go on (kill -CONT its pid), or restart it',
  },
  Frozen: {
    words: 'frozen with its cgroup',
    remedy:
      'thaw it: resume its container (ctr task resume, docker unpause), or write 0 into cgroup.freeze of its cgroup (v1: THAWED into freezer.state)',
  },
};

/** Frozen, a signal to go on does nothing; that comes first. @returns undefined also where it cannot be seen */
export function haltOf({ state, isFrozen }: Pick<ProcessInfo, 'state' | 'isFrozen'>): Halt | undefined {
  if (isFrozen === true) return 'Frozen';
  return state === 'T' || state === 't' ? 'Stopped' : undefined;
}
