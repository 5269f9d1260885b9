/** Freezes a process with a cgroup of its own, as `docker pause` does it with a container's. */
import { accessSync, constants, existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

/** Where cgroup v2 is mounted: alone, or beside v1. */
const MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

/** @returns undefined on a machine where no group can be made */
export function cgroupMount(): string | undefined {
  return MOUNTS.find((mount) => existsSync(`${mount}/cgroup.controllers`) && isWritable(mount));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    // A read-only mount says so only when something is made.
    mkdirSync(`${path}/gba-writable`);
    rmdirSync(`${path}/gba-writable`);
    return true;
  } catch {
    return false;
  }
}

export class FrozenGroup implements AsyncDisposable {
  readonly #path: string;
  readonly #pid: number;

  private constructor(path: string, pid: number) {
    this.#path = path;
    this.#pid = pid;
  }

  /** @throws a system error */
  static async of(mount: string, pid: number): Promise<FrozenGroup> {
    const path = `${mount}/gba-lab-${pid}`;
    mkdirSync(path);
    const group = new FrozenGroup(path, pid);
    try {
      await writeFile(`${path}/cgroup.procs`, `${pid}`);
      await writeFile(`${path}/cgroup.freeze`, '1');
      return group;
    } catch (error) {
      await group[Symbol.asyncDispose]();
      throw error;
    }
  }

  async thaw(): Promise<void> {
    await writeFile(`${this.#path}/cgroup.freeze`, '0');
  }

  /** Back to the root group, since one with processes cannot be removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.thaw();
    await writeFile(`${this.#path}/../cgroup.procs`, `${this.#pid}`).catch(() => undefined);
    rmdirSync(this.#path);
  }
}
