/** Keeps the certificate in force the one that stands in the files: Kubernetes renews a Secret under a running agent. */
import { readFile, stat } from 'node:fs/promises';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { AgentError, errnoOf, errorMessage, isAgentError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { judgeTls, type TlsFiles, type TlsMaterial, type TlsUse } from './material.ts';

/** A mounted Secret is in memory; this is for a network file system in its place. In milliseconds. */
const READ_DEADLINE_MS = 2_000;
/** A bundle of all public authorities is 220 KB. */
const MAX_FILE_BYTES = 1024 * 1024;

const KEYS = ['apiTlsCertFile', 'apiTlsKeyFile', 'apiTlsClientCaFile', 'peerCaFile'] as const;

export interface TlsStatus {
  /** When each stops to be valid, in wall-clock milliseconds. */
  notAfter: ReadonlyMap<TlsUse, number>;
  /** Why the files as they stand are not in force; undefined: they are. */
  refusal: string | undefined;
  /** Connections to the API that ended before they were secure. */
  handshakeErrors: number;
}

export interface TlsKeeperOptions {
  files: TlsFiles;
  clock: Clock;
  log: Log;
}

export class TlsKeeper {
  readonly #options: TlsKeeperOptions;
  readonly #listeners: (() => void)[] = [];
  #material: TlsMaterial;
  #refusal: string | undefined;
  #handshakeErrors = 0;

  private constructor(options: TlsKeeperOptions, material: TlsMaterial) {
    this.#options = options;
    this.#material = material;
  }

  /**
   * A certificate that has expired is taken: limits and heal are looked after without peers, too, and an alert tells.
   *
   * @throws AgentError `ConfigInvalid` that names key and file
   */
  static async load(options: TlsKeeperOptions): Promise<TlsKeeper> {
    const { files, clock, log } = options;
    const keeper = new TlsKeeper(options, judgeTls(files, await readFiles(files)));
    const ended = endedAt(keeper.#material, clock);
    if (ended !== undefined) log.error({ ended }, 'the TLS certificate of the API has expired: clients refuse it');
    return keeper;
  }

  /** For the API's listener. */
  get server(): SecureContextOptions {
    return this.#material.server;
  }

  /** Whether clients of the API have to show a certificate. */
  get asksClients(): boolean {
    return this.#options.files.apiTlsClientCaFile !== undefined;
  }

  /** For questions to the peers. @throws AgentError `Internal` without peerCaFile, which the configuration does not let pass */
  get client(): SecureContext {
    const { client } = this.#material;
    if (client === undefined) throw new AgentError('Internal', 'no peerCaFile');
    return client;
  }

  /** Calls it after each change of what is in force. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  noteHandshakeError(): void {
    this.#handshakeErrors += 1;
  }

  status(): TlsStatus {
    return {
      notAfter: this.#material.notAfter,
      refusal: this.#refusal,
      handshakeErrors: this.#handshakeErrors,
    };
  }

  /** Takes what is new in the files; what is broken is refused, and what was in force stays so. */
  async pass(signal: AbortSignal): Promise<void> {
    const { files } = this.#options;
    try {
      const texts = await readFiles(files, signal);
      if (!isSame(texts, this.#material.texts)) {
        // Of two files one may be of before the exchange and the other of after it: both reads then differ, and the next pass sees all.
        if (!isSame(texts, await readFiles(files, signal))) return;
        this.#take(judgeTls(files, texts));
      }
      if (this.#refusal !== undefined) this.#options.log.info({}, 'the TLS files are in force again as they stand');
      this.#refusal = undefined;
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      const reason = errorMessage(error);
      if (reason !== this.#refusal) {
        this.#options.log.error({ reason }, 'the TLS files are refused: what was in force stays so');
      }
      this.#refusal = reason;
    }
  }

  #take(material: TlsMaterial): void {
    const { files, clock, log } = this.#options;
    const ended = endedAt(material, clock);
    if (ended !== undefined && endedAt(this.#material, clock) === undefined) {
      throw new AgentError('ConfigInvalid', `apiTlsCertFile ${files.apiTlsCertFile}: has expired at ${ended}`);
    }
    this.#material = material;
    for (const listener of this.#listeners) listener();
    const notAfter = Object.fromEntries([...material.notAfter].map(([use, at]) => [use, new Date(at).toISOString()]));
    log.info({ notAfter }, 'new TLS files are in force');
  }
}

/** Of our own certificate; undefined: it is valid. */
function endedAt({ notAfter }: TlsMaterial, clock: Clock): string | undefined {
  const at = notAfter.get('api') ?? 0;
  return at > clock.now() ? undefined : new Date(at).toISOString();
}

async function readFiles(files: TlsFiles, signal?: AbortSignal): Promise<TlsFiles> {
  const work = async (): Promise<TlsFiles> => {
    const texts: TlsFiles = { apiTlsCertFile: '', apiTlsKeyFile: '' };
    for (const key of KEYS) {
      const path = files[key];
      if (path !== undefined) texts[key] = await read(key, path);
    }
    return texts;
  };
  return await withDeadline(READ_DEADLINE_MS, 'reading the TLS files', work, signal);
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return KEYS.every((key) => a[key] === b[key]);
}

async function read(key: string, path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= MAX_FILE_BYTES) return await readFile(path, 'utf8');
  } catch (cause) {
    const why = errnoOf(cause) ?? errorMessage(cause);
    throw new AgentError('ConfigInvalid', `${key} ${path}: cannot be read (${why})`, { cause });
  }
  throw new AgentError('ConfigInvalid', `${key} ${path}: larger than ${MAX_FILE_BYTES} bytes`);
}
