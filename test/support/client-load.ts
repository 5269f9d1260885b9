/** A tenant at work on a mount while something happens to the bricks, who remembers what has to be there afterwards. */
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ClientLoadResult {
  operations: number;
  /** Every error that a call of the client has returned. */
  errors: string[];
}

const BYTES = 4096;
/** A tenant that leaves the machine to others, too. In milliseconds. */
const PAUSE_MS = 5;

export class ClientLoad {
  readonly #directory: string;
  readonly #stop = new AbortController();
  readonly #errors: string[] = [];
  /** What a file has to hold, by its name. */
  readonly #written = new Map<string, Buffer>();
  #operations = 0;
  #workers: Promise<void>[] = [];
  #file: FileHandle | undefined;

  /** @param directory on a mount; made when it is not there */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    this.#file = await open(`${this.#directory}/open`, 'w+');
    this.#workers = [
      this.#run(async (round) => await this.#writeOpen(round)),
      this.#run(async (round) => await this.#writeNew(round)),
      this.#run(async (round) => await this.#churn(round)),
    ];
  }

  get operations(): number {
    return this.#operations;
  }

  async end(): Promise<ClientLoadResult> {
    this.#stop.abort();
    await Promise.all(this.#workers);
    await this.#file?.close();
    return { operations: this.#operations, errors: this.#errors };
  }

  /** Names of files that a directory, reached another way, does not hold as they were written. */
  async missingIn(directory: string): Promise<string[]> {
    const missing: string[] = [];
    for (const [name, content] of this.#written) {
      const found = await readFile(`${directory}/${name}`).catch(() => undefined);
      if (found?.equals(content) !== true) missing.push(name);
    }
    return missing;
  }

  get files(): number {
    return this.#written.size;
  }

  /** A file that stays open all the time, as a database's. */
  async #writeOpen(round: number): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error('not started');
    const content = Buffer.alloc(BYTES, `${round} `);
    await file.write(content, 0, BYTES, 0);
    const { buffer } = await file.read(Buffer.alloc(BYTES), 0, BYTES, 0);
    if (!buffer.equals(content)) throw new Error('the open file does not hold what was written');
    this.#written.set('open', content);
  }

  async #writeNew(round: number): Promise<void> {
    const name = `file-${round % 200}`;
    const content = Buffer.alloc(BYTES, `${name} ${round} `);
    await writeFile(`${this.#directory}/${name}`, content);
    this.#written.set(name, content);
  }

  async #churn(round: number): Promise<void> {
    const place = `${this.#directory}/dir-${round}`;
    await mkdir(place);
    await writeFile(`${place}/x`, 'x');
    await rename(`${place}/x`, `${place}/y`);
    await readFile(`${place}/y`);
    await rm(place, { recursive: true });
  }

  async #run(work: (round: number) => Promise<void>): Promise<void> {
    for (let round = 0; !this.#stop.signal.aborted; round += 1) {
      try {
        await work(round);
        this.#operations += 1;
      } catch (error) {
        this.#errors.push(String(error));
      }
      await delay(PAUSE_MS);
    }
  }
}
