import type { Clock } from '../lib/clock.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { AuditTally, type AuditResult, type AuditTarget, type PvAudit } from './audit.ts';

/** What the auditor needs of the world. */
export interface AuditPorts {
  /**
   * Gives every file and directory in the brick's memory to `take`.
   *
   * @throws AgentError `ProcessUnproven`, `Timeout`, `NotSupported` (no inode table in the dump), ...
   */
  dump(take: (gfid: Gfid, namespace: Gfid | undefined) => void, signal: AbortSignal): Promise<void>;
  /** In the order of `gfids`; see AuditTally.judge for the values. */
  locate(gfids: readonly Gfid[], signal: AbortSignal): Promise<(string | undefined | null)[]>;
  /**
   * Looks paths (latin1, one character a byte) up in the running brick, by name from the root. What the brick knew by its bare
   * gfid only is put in its place by that (measured on 11.1).
   *
   * @returns how many the brick found
   */
  lookUp(paths: readonly string[], signal: AbortSignal): Promise<number>;
}

/** The PVs to audit, and who is told. */
export interface AuditSubject {
  /** PVs whose limit is in force in the running brick. */
  limitedTargets(): readonly AuditTarget[];
  /** Those of them that ask for an audit by more than their age. */
  unprovenPvs(): readonly string[];
  takeAudits(results: ReadonlyMap<Gfid, PvAudit>): void;
}

export interface AuditorOptions {
  ports: AuditPorts;
  subject: AuditSubject;
  clock: Clock;
  log: Log;
  /** Milliseconds between two audits when nothing asks for one. */
  intervalMs: number;
  /** Counts handshakes with the brick. An audit across one says nothing. */
  generation: () => number;
}

/**
 * A dump walks the brick's whole inode table, so even PVs that wait for their first audit wait this long after the last dump;
 * in milliseconds. A new process is audited at once.
 */
const MIN_GAP_MS = 60_000;
/**
 * After a brick's start its clients come back by and by, the first after 3 s, and bring the files that they have open by bare
 * gfid, which puts them outside of their PV (measured on 11.1). So a new process is audited again this long after the first
 * time, in milliseconds.
 */
const FOLLOW_UPS_MS: readonly number[] = [10_000, 60_000];
/** A result counts for this many intervals: one audit may fail. */
const VALID_INTERVALS = 3;
/** Look-ups by name in one pass, to put strays in their place; some 10,000 a second. */
const MAX_LOOKUPS = 5_000;

/** Audits when one is due: dump, locate what counts for no PV, look strays up by name, and when there were any, dump again. */
export class Auditor {
  readonly #options: AuditorOptions;
  #lastAt = Number.NEGATIVE_INFINITY;
  #lastGeneration = -1;
  /** Of the first audit of this process. */
  #firstAt = Number.NEGATIVE_INFINITY;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** @throws AgentError when there is no dump or the brick's directory does not answer; the last results stay as they are */
  async pass(signal: AbortSignal): Promise<void> {
    if (!this.#isDue()) return;
    const { clock, generation, ports, log } = this.#options;
    // Before the attempt: one that fails is not repeated at once either.
    this.#lastAt = clock.monotonic();
    if (generation() !== this.#lastGeneration) this.#firstAt = this.#lastAt;
    this.#lastGeneration = generation();
    const first = await this.#audit(signal);
    const strays = first.flatMap(({ wrongPaths }) => wrongPaths);
    if (strays.length === 0) return;
    const found = await ports.lookUp(strays.slice(0, MAX_LOOKUPS), signal);
    const second = found === 0 ? [] : await this.#audit(signal);
    const left = second.reduce((sum, { audit }) => sum + audit.wrong, 0);
    log.info({ strays: strays.length, found, left }, 'looked up by name what was not counted for its PV');
  }

  #isDue(): boolean {
    const { clock, generation, intervalMs, subject } = this.#options;
    if (subject.limitedTargets().length === 0) return false;
    const age = clock.monotonic() - this.#lastAt;
    if (age >= intervalMs || this.#isFollowUp()) return true;
    const isUnproven = subject.unprovenPvs().length > 0;
    return isUnproven && (generation() !== this.#lastGeneration || age >= MIN_GAP_MS);
  }

  #isFollowUp(): boolean {
    const now = this.#options.clock.monotonic();
    return FOLLOW_UPS_MS.some((afterMs) => now >= this.#firstAt + afterMs && this.#lastAt < this.#firstAt + afterMs);
  }

  /** Empty when the brick was reconnected meanwhile. */
  async #audit(signal: AbortSignal): Promise<AuditResult[]> {
    const { ports, clock, subject, generation, intervalMs } = this.#options;
    const generationBefore = generation();
    const targets = subject.limitedTargets();
    const tally = new AuditTally(targets);
    const at = clock.now();
    await ports.dump((gfid, namespace) => tally.take(gfid, namespace), signal);
    const places = await ports.locate(tally.strays, signal);
    if (generation() !== generationBefore) return [];
    const results = tally.judge(targets, places, { at, validUntil: at + VALID_INTERVALS * intervalMs });
    subject.takeAudits(new Map([...results].map(([gfid, { audit }]) => [gfid, audit])));
    return [...results.values()];
  }
}
