import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A directory of a test's own, removed when it goes out of scope. */
export class TemporaryDirectory implements Disposable {
  readonly path: string;

  constructor(name: string) {
    this.path = fs.mkdtempSync(path.join(os.tmpdir(), `gba-test-${name}-`));
  }

  /** Makes a directory below, with its parents. */
  mkdir(relative: string): string {
    const full = path.join(this.path, relative);
    fs.mkdirSync(full, { recursive: true });
    return full;
  }

  /** Writes a file below, with its parents. */
  write(relative: string, content: string | Buffer): string {
    this.mkdir(path.dirname(relative));
    const full = path.join(this.path, relative);
    fs.writeFileSync(full, content);
    return full;
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}
