/** Whether a process runs, by all that is known of it: its pid, and whether it answers. */
import { isGone } from '../process/identity.ts';
import type { ProcessView } from './process-monitor.ts';

export interface ProcessState {
  state: 'Running' | 'Down' | 'Unknown';
  message: string;
}

/** A process that answers is not down, whoever the pid file names: its namespace may not be ours. */
export function processState({ proof }: Pick<ProcessView, 'proof'>, answers: boolean): ProcessState {
  if (proof === undefined) return { state: 'Unknown', message: 'not looked at yet' };
  if (proof.ok) return { state: 'Running', message: `pid ${proof.process.pid}` };
  if (answers) return { state: 'Unknown', message: `it answers, and cannot be seen: ${proof.message}` };
  return { state: isGone(proof) ? 'Down' : 'Unknown', message: proof.message };
}
