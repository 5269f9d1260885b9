import type { DaemonChild } from './ports.ts';

/** The brick's name: that under which others blame it, or that of its client in the volfile where nobody is blamed by name. */
export function childName({ name, pendingName }: Pick<DaemonChild, 'name' | 'pendingName'>): string {
  return pendingName ?? name;
}
