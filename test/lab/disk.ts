/** A disk of a brick's own: ext4 or XFS on a loop device over a file in a small memory file system, to be frozen, filled and damaged. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { AgentError } from '../../src/lib/errors.ts';
import { runCommand } from './command.ts';
import type { Lab } from './lab.ts';
import { makeFolders } from './lease.ts';

const SIZE_MIB = { ext4: 96, xfs: 320 };

/** What mkfs.xfs takes at least is 300 MiB. */
type DiskType = keyof typeof SIZE_MIB;

/** Containers often may not have loop devices; what needs one is skipped there, and says so. */
export async function hasLoopDevices(type: DiskType = 'ext4'): Promise<boolean> {
  const works = async (...command: string[]): Promise<boolean> =>
    (await runCommand(command).catch(() => undefined))?.code === 0;
  return (await works('losetup', '--find')) && (await works(`mkfs.${type}`, '-V'));
}

export class Disk {
  readonly #path: string;
  readonly #below: string;

  private constructor(path: string, below: string) {
    this.#path = path;
    this.#below = below;
  }

  get #image(): string {
    return `${this.#below}/image`;
  }

  /** Mounts a new one at a path of the lab. `sizeMib`: one that is larger than tests need. */
  static async mount(lab: Lab, path: string, type: DiskType = 'ext4', sizeMib: number = SIZE_MIB[type]): Promise<Disk> {
    const below = `${path}.disk`;
    await makeFolders(path, below);
    const disk = new Disk(path, below);
    lab.onDestroy(async () => disk.unmount());
    await run('mount', '-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', below);
    await run('truncate', '-s', `${sizeMib}M`, disk.#image);
    const isExt4 = type === 'ext4';
    await run(`mkfs.${type}`, '-q', ...(isExt4 ? ['-F', '-E', 'lazy_itable_init=0'] : []), disk.#image);
    await run('mount', '-o', isExt4 ? 'loop,errors=remount-ro' : 'loop', disk.#image, path);
    return disk;
  }

  /** Whoever writes waits, for as long as it lasts; who reads does not. */
  async freeze(): Promise<void> {
    await run('fsfreeze', '--freeze', this.#path);
  }

  async thaw(): Promise<void> {
    await run('fsfreeze', '--unfreeze', this.#path);
  }

  /** As the kernel does when it finds the file system damaged (`errors=remount-ro`). */
  async damage(): Promise<void> {
    const { stdout } = await runCommand(['losetup', '--list', '--noheadings', '--output', 'NAME', '-j', this.#image]);
    await writeFile(`/sys/fs/ext4/${basename(stdout.trim())}/trigger_fs_error`, '1');
  }

  /** Every read and write of what is on it gets EIO from now on, as from a disk that was pulled. */
  async fail(): Promise<void> {
    await run('xfs_io', '-x', '-c', 'shutdown', this.#path);
  }

  /**
   * Reads of the last part of a file get EIO, all else goes on: sectors that cannot be read.
   *
   * @param file path below the disk, of some MiB
   */
  async loseEndOf(file: string): Promise<void> {
    await run('sync', '-f', this.#path);
    const { stdout } = await runCommand(['filefrag', '-v', '-b512', `${this.#path}/${file}`]);
    const first = Math.max(
      ...Array.from(stdout.matchAll(/^ *\d+: +\d+\.\. *\d+: +(\d+)\.\./gm), ([, at]) => Number(at)),
    );
    // A loop device answers EIO for what lies beyond the end of its file.
    await run('truncate', '-s', String(first * 512), this.#image);
    await run('dd', `of=${this.#path}/${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0');
  }

  async fill(): Promise<void> {
    await runCommand(['dd', 'if=/dev/zero', `of=${this.#path}/filler`, 'bs=64K']);
    await run('sync', '-f', this.#path);
  }

  async empty(): Promise<void> {
    await run('rm', '-f', `${this.#path}/filler`);
  }

  async unmount(): Promise<void> {
    await runCommand(['fsfreeze', '--unfreeze', this.#path]);
    await runCommand(['umount', '--lazy', this.#path]);
    await runCommand(['umount', '--lazy', this.#below]);
  }
}

async function run(...command: string[]): Promise<void> {
  const { code, stderr } = await runCommand(command);
  if (code !== 0) throw new AgentError('Internal', `${command.join(' ')}: ${stderr}`);
}
