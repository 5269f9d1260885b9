/** Which process is meant, however it is known: what a pid alone does not say, since pids are used again. */
import { keyOf, type ProcessInfo } from './identity.ts';

export interface ProcessIdentity {
  /** Two looks at one process find the same, looks at two processes never do. */
  key: string;
  /** For messages: `pid 42`. */
  name: string;
  /** Wall-clock milliseconds. */
  startedAt: number;
}

export function isSame(a: ProcessIdentity, b: ProcessIdentity | undefined): boolean {
  return a.key === b?.key;
}

/** @param process proven, so neither a zombie nor unseen */
export function identityOf(process: ProcessInfo): ProcessIdentity {
  return { key: keyOf(process), name: `pid ${process.pid}`, startedAt: process.startedAt };
}
