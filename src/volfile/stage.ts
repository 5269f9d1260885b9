/**
 * The directory that processes start from in staged mode. Only files that were judged acceptable get there, each in one step and
 * flushed to the disk, so that neither a broken ConfigMap nor a power cut leaves a process without its last good volfile.
 */
import { constants } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../lib/deadline.ts';
import { readVolfileSet, type VolfileEntry, type VolfileSet } from './read-set.ts';
import { accept, type Wanted } from './wanted.ts';

/** A flush waits for the disk; longer means that it hangs. In milliseconds. */
const WRITE_DEADLINE_MS = 10_000;

/**
 * `staged`: the wanted file has just been put there. `same`: it was there. `kept`: the wanted one is not acceptable, the last good
 * one stays. `none`: the same, and there is none.
 */
export type Staging = 'staged' | 'same' | 'kept' | 'none';

export class VolfileStage {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** What the processes would start from now. Problems of the directory are told in the set. */
  async read(): Promise<VolfileSet> {
    return await readVolfileSet(this.dir);
  }

  /**
   * Brings an acceptable file into place, and leaves everything else as it is.
   *
   * @param source the file as it was read, and judged as `wanted`
   * @throws what the file system says; AgentError `Timeout`
   */
  async offer(file: string, source: VolfileEntry | undefined, wanted: Wanted): Promise<Staging> {
    const present = (await this.read()).files.get(file);
    if (source?.ok !== true || accept(wanted).accepted === undefined) return present?.ok === true ? 'kept' : 'none';
    if (present?.ok === true && present.sha256 === source.sha256) return 'same';
    await this.write(file, source.bytes);
    return 'staged';
  }

  /** Replaces the file in one step. @throws what the file system says; AgentError `Timeout` */
  async write(file: string, bytes: Uint8Array): Promise<void> {
    await withDeadline(WRITE_DEADLINE_MS, `writing ${join(this.dir, file)}`, async () => {
      await mkdir(this.dir, { recursive: true });
      // Names with two dots in front are not volfiles: a half-written one is never read.
      const draft = join(this.dir, `..${file}.new`);
      const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
      const handle = await open(draft, O_CREAT | O_NOFOLLOW | O_TRUNC | O_WRONLY, 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, join(this.dir, file));
      await flushDirectory(this.dir);
    });
  }
}

/** Without it the new name may be lost with the power. */
async function flushDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
