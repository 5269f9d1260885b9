/** A disk of a brick's own: ext4 on a loop device over a file in a small memory file system, to be frozen, filled and damaged. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { AgentError } from '../../src/lib/errors.ts';
import { runCommand } from './command.ts';
import type { Lab } from './lab.ts';
import { makeFolders } from './lease.ts';

const SIZE_MIB = 96;

/** Containers often may not have loop devices; what needs one is skipped there, and says so. */
export async function hasLoopDevices(): Promise<boolean> {
  const works = async (...command: string[]): Promise<boolean> =>
    (await runCommand(command).catch(() => undefined))?.code === 0;
  return (await works('losetup', '--find')) && (await works('mkfs.ext4', '-V'));
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

  /** Mounts a new one at a path of the lab. */
  static async mount(lab: Lab, path: string): Promise<Disk> {
    const below = `${path}.disk`;
    await makeFolders(path, below);
    const disk = new Disk(path, below);
    lab.onDestroy(async () => disk.unmount());
    await run('mount', '-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', below);
    await run('truncate', '-s', `${SIZE_MIB}M`, disk.#image);
    await run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0', disk.#image);
    await run('mount', '-o', 'loop,errors=remount-ro', disk.#image, path);
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
