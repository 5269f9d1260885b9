/**
 * A bundle as one script, with what V8 compiled of it the last time beside it: a start then neither parses it nor compiles the functions that every
 * start calls.
 *
 * The cache is for one version of Node, one set of V8's flags and one source; V8 refuses any other, and the script is compiled as always.
 */
import { closeSync, fstatSync, openSync, read } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { constants, Script } from 'node:vm';
import { errnoOf } from './errors.ts';

/** What a bundle to be run so begins and ends with: its functions are then in one string from the file to V8, copied nowhere. */
export const WRAPPER = ['(function (exports, require, module, __filename, __dirname) {', '\n})\n'] as const;

export class CachedScript {
  readonly #file: string;
  readonly #script: Script;

  private constructor(file: string, source: string, cachedData: Buffer | undefined) {
    this.#file = file;
    this.#script = new Script(source, {
      filename: file,
      ...(cachedData === undefined ? {} : { cachedData }),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
  }

  /**
   * Both files are read by threads of their own from the call on, while the caller goes on.
   *
   * @param file absolute path of a CommonJS bundle within {@link WRAPPER}, in ASCII, so that its bytes are its characters
   * @throws the system's error when it cannot be read, SyntaxError
   */
  static async load(file: string): Promise<CachedScript> {
    const [source, cachedData] = await Promise.all([readAll(file), readCache(cacheFile(file))]);
    const text = source.toString('latin1');
    release(source);
    const script = new CachedScript(file, text, cachedData);
    if (cachedData !== undefined) release(cachedData);
    return script;
  }

  /** Whether V8 took the cache; undefined: there is none. */
  get cacheTaken(): boolean | undefined {
    const { cachedDataRejected } = this.#script;
    return cachedDataRejected === undefined ? undefined : !cachedDataRejected;
  }

  /** @returns what the bundle exports */
  run(): unknown {
    const module = { exports: {} };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the function around a module, as above
    const body = this.#script.runInThisContext() as (...args: unknown[]) => void;
    body(module.exports, createRequire(this.#file), module, this.#file, dirname(this.#file));
    return module.exports;
  }

  /** What is compiled by now: best asked for when the functions of a start have run. */
  cache(): Buffer {
    return this.#script.createCachedData();
  }
}

/** Where the cache of a bundle lies. */
export function cacheFile(file: string): string {
  return `${file}.cache`;
}

async function readCache(file: string): Promise<Buffer<ArrayBuffer> | undefined> {
  try {
    return await readAll(file);
  } catch (error) {
    // Without it the program does the same, later.
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** At once, and not when it is collected: what is held outside V8's heap counts for when the heap is collected next. */
function release({ buffer }: Buffer<ArrayBuffer>): void {
  buffer.transfer(0);
}

/** In one piece, so that it is read to the end whatever the main thread does meanwhile. @throws the system's error */
async function readAll(file: string): Promise<Buffer<ArrayBuffer>> {
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(fstatSync(fd).size);
    if (buffer.length === 0) return buffer;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    read(fd, buffer, 0, buffer.length, 0, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
    return buffer.subarray(0, await promise);
  } finally {
    closeSync(fd);
  }
}
