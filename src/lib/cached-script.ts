/**
 * A bundle as one script, with what V8 compiled of it the last time beside it: a start then neither parses it nor compiles the functions that every
 * start calls.
 *
 * The cache is for one version of Node, one set of V8's flags and one source; V8 refuses any other, and the script is compiled as always.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { constants, Script } from 'node:vm';
import { errnoOf } from './errors.ts';

export class CachedScript {
  readonly #file: string;
  readonly #script: Script;

  /** @param file absolute path of a CommonJS bundle in ASCII, so that its bytes are its characters */
  constructor(file: string) {
    this.#file = file;
    const cachedData = readCache(cacheFile(file));
    this.#script = new Script(
      `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'latin1')}\n})`,
      {
        filename: file,
        ...(cachedData === undefined ? {} : { cachedData }),
        importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      },
    );
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

function readCache(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    // Without it the program does the same, later.
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
