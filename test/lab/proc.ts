/** A process told apart from a later one with the same pid, by its start time; survives exec. */
import { readFileSync } from 'node:fs';
import { parseStatLine } from '../../src/process/stat-line.ts';

export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot. */
  startTicks: number;
}

/** Undefined when there is no such process, or only its zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const stat = parseStatLine(text);
  return stat === undefined || 'ZX'.includes(stat.state) ? undefined : { pid, startTicks: stat.startTicks };
}

/** Undefined when the value, whose text a crash may have cut, is not an identity. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTicks' in value)) return undefined;
  const { pid, startTicks } = value;
  return typeof pid === 'number' && typeof startTicks === 'number' ? { pid, startTicks } : undefined;
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks;
}
