/** Which process is meant, however it is known: what a pid alone does not say, since pids are used again. */
import { keyOf, type ProcessInfo } from './identity.ts';

export interface ProcessIdentity {
  /** Two looks at one process find the same, looks at two processes never do. */
  key: string;
  /** For messages: `pid 42`, `the process at /run/brick.socket that started at 2026-11-24T12:00:00.000Z`. */
  name: string;
  /** Wall-clock milliseconds. */
  startedAt: number;
}

/** What a process tells of itself at its socket. */
export type SocketLook =
  /** It has answered, and is the process that has bound the socket. */
  | { state: 'answers'; identity: ProcessIdentity }
  /** Somebody answers, and who that is cannot be told. */
  | { state: 'unsure'; message: string }
  | { state: 'silent'; message: string };

export function isSame(a: ProcessIdentity, b: ProcessIdentity | undefined): boolean {
  return a.key === b?.key;
}

/** @param process proven, so neither a zombie nor unseen */
export function identityOf(process: ProcessInfo): ProcessIdentity {
  return { key: keyOf(process), name: `pid ${process.pid}`, startedAt: process.startedAt };
}
