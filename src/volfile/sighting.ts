/** What a look at a process has found. */
import type { ProcessInfo } from '../process/identity.ts';
import type { ProcessIdentity } from '../process/process-identity.ts';

export type Sighting =
  /** Proven by its pid file, executable and start time. */
  | { found: 'by-pid'; identity: ProcessIdentity; process: ProcessInfo; pidFileWrittenAt: number }
  /** Unseen: it has answered at its socket, which no pid is proven for. No signal reaches it. */
  | { found: 'by-socket'; identity: ProcessIdentity; why: string }
  /** `isGone`: certainly none runs; else there is doubt. */
  | { found: 'none'; isGone: boolean; message: string };

export type Found = Exclude<Sighting, { found: 'none' }>;

/** What makes an unseen process a seen one. */
export const SHARE_NAMESPACE = 'share the process namespace (shareProcessNamespace: true)';
