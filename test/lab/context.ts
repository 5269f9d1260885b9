/** What the parts of a lab need of it. */
import type { LabProcess } from './process.ts';

export interface LabContext {
  /** `/` or the root to chroot into. */
  root: string;
  /** The lab's own folder; the same path inside and outside the root. */
  labDir: string;
  /** The lab ends the process when it is destroyed. */
  track: (process: LabProcess) => void;
  /** A TCP port that nobody else uses. */
  nextPort: () => Promise<number>;
}
