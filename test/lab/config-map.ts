/**
 * A directory that changes exactly as a mounted ConfigMap does under kubelet: the files are links through `..data` into a
 * dated directory, and an update prepares a new dated directory, renames a new link over `..data` and removes the old one.
 * So all files change at one instant, and no file is ever seen half written.
 */
import { mkdir, mkdtemp, readFile, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../src/lib/errors.ts';

const DATA = '..data';
const NEW_DATA = '..data_tmp';

export class ConfigMap {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Where a process finds the file. */
  path(name: string): string {
    return join(this.dir, name);
  }

  async text(name: string): Promise<string> {
    return await readFile(this.path(name), 'utf8');
  }

  /** Replaces or adds the given files at once; `null` removes one, all others stay as they are. */
  async swap(changes: Record<string, string | null>): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const old = await this.#currentDir();
    const files = new Map<string, string>();
    for (const name of await this.#names(old)) files.set(name, await this.text(name));
    for (const [name, text] of Object.entries(changes)) {
      if (text === null) files.delete(name);
      else files.set(name, text);
    }

    const dated = await this.#writeDatedDir(files);
    await symlink(dated, join(this.dir, NEW_DATA));
    await rename(join(this.dir, NEW_DATA), join(this.dir, DATA));
    await this.#updateLinks([...files.keys()]);
    if (old !== undefined) await rm(join(this.dir, old), { recursive: true });
  }

  async #writeDatedDir(files: Map<string, string>): Promise<string> {
    const date = new Date().toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
    const dir = await mkdtemp(join(this.dir, `..${date}.`));
    for (const [name, text] of files) await writeFile(join(dir, name), text, { mode: 0o644 });
    return dir.slice(this.dir.length + 1);
  }

  async #updateLinks(wanted: string[]): Promise<void> {
    const present = (await readdir(this.dir)).filter((name) => !name.startsWith('..'));
    for (const name of wanted) {
      if (!present.includes(name)) await symlink(join(DATA, name), this.path(name));
    }
    for (const name of present) {
      if (!wanted.includes(name)) await rm(this.path(name));
    }
  }

  async #currentDir(): Promise<string | undefined> {
    try {
      return await readlink(join(this.dir, DATA));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #names(dated: string | undefined): Promise<string[]> {
    return dated === undefined ? [] : await readdir(join(this.dir, dated));
  }
}
