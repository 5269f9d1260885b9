import type { Blame } from '../brick/afr-blame.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface HealLoopPorts {
  /** In the order of `paths`. @throws AgentError `BrickHung`, `Timeout`, `BrickIo` */
  blames(paths: readonly string[], signal: AbortSignal): Promise<Blame[][]>;
  /** See freeNamespace. @throws AgentError also `BrickFenced` */
  freeNamespace(path: string, signal: AbortSignal): Promise<boolean>;
}

export interface HealLoopOptions {
  ports: HealLoopPorts;
  /** PVs that are namespaces on the backend. */
  targets: () => { pv: string; path: string }[];
  /** The name under which other bricks blame this one, e.g. `pool1-client-2`. */
  own: string;
  /** Told after every look. */
  take: (sinks: ReadonlyMap<string, string>) => void;
  /** Whether to end a loop, or only to say that there is one. */
  remedy: boolean;
  clock: Clock;
  log: Log;
}

/** Rises in a row, look by look, that make a loop. A client that changes the directory again and again stops at some time. */
const RISES = 3;
/** A remedy that did not help is tried again after this long, in milliseconds: each try is a moment in which the backend lacks the namespace. */
const TRY_AGAIN_MS = 60_000;
/** PVs in one look, in turns; some 60 µs each in the worker. */
const MAX_PER_PASS = 1_000;

interface Seen {
  metadata: number;
  rises: number;
  triedAt: number;
  warned: boolean;
}

/**
 * Finds the endless metadata heal of namespace directories and ends it on the brick that is healed.
 *
 * A change of a PV's directory (mode, owner, limit) while a brick is down makes heal remove and set the attributes of its copy.
 * The brick refuses the removal of the namespace, so the heal ends without a sink and begins anew, several times a second and
 * for good. Its sign, on sources and sink alike: the metadata blame of the sink grows at every look, and nothing else is blamed
 * (measured on 11.1).
 */
export class HealLoops {
  readonly #options: HealLoopOptions;
  #seen = new Map<string, Seen>();
  #next = 0;
  #remedies = 0;

  constructor(options: HealLoopOptions) {
    this.#options = options;
  }

  /** Directories whose heal goes round, as of the last look at each. */
  get active(): number {
    return [...this.#seen.values()].filter(({ rises }) => rises >= RISES).length;
  }

  /** Times that a namespace was removed so that its heal could end. */
  get remedies(): number {
    return this.#remedies;
  }

  /** @throws AgentError when the brick's directory does not answer */
  async pass(signal: AbortSignal): Promise<void> {
    const all = this.#options.targets();
    const some = this.#turn(all);
    const blames = await this.#options.ports.blames(
      some.map(({ path }) => path),
      signal,
    );
    const looked = new Set(some.map(({ path }) => path));
    const kept = new Map([...this.#seen].filter(([key]) => !looked.has(key.slice(0, key.indexOf('\n')))));
    for (const [index, target] of some.entries()) {
      for (const blame of blames[index] ?? []) {
        const key = `${target.path}\n${blame.name}`;
        const seen = this.#look(this.#seen.get(key), blame);
        kept.set(key, seen);
        if (seen.rises >= RISES) await this.#act(target, blame.name, seen, signal);
      }
    }
    this.#seen = kept;
    this.#options.take(this.#sinks());
  }

  /** The copy that is healed, by the name under which others blame it, by path of the directory whose heal goes round. */
  #sinks(): Map<string, string> {
    const sinks = new Map<string, string>();
    for (const [key, { rises }] of this.#seen) {
      const at = key.indexOf('\n');
      if (rises >= RISES) sinks.set(key.slice(0, at), key.slice(at + 1));
    }
    return sinks;
  }

  #turn<T>(all: readonly T[]): T[] {
    const start = this.#next < all.length ? this.#next : 0;
    this.#next = start + MAX_PER_PASS;
    return all.slice(start, start + MAX_PER_PASS);
  }

  #look(before: Seen | undefined, { data, metadata, entry }: Blame): Seen {
    const triedAt = before?.triedAt ?? Number.NEGATIVE_INFINITY;
    // With data or entries to heal, that is what goes on.
    const rose = data === 0 && entry === 0 && before !== undefined && metadata > before.metadata;
    return { metadata, rises: rose ? before.rises + 1 : 0, triedAt, warned: rose && before.warned };
  }

  async #act(target: { pv: string; path: string }, name: string, seen: Seen, signal: AbortSignal): Promise<void> {
    const { own, remedy, clock, log, ports } = this.#options;
    const isOurs = name === own;
    if (!isOurs || !remedy) {
      if (seen.warned) return;
      seen.warned = true;
      log.warn(
        { pv: target.pv, sink: name },
        `the metadata heal of this PV's directory goes round; on the brick of ${name}: setfattr -x trusted.glusterfs.namespace <brick>/${target.path}`,
      );
      return;
    }
    if (clock.monotonic() - seen.triedAt < TRY_AGAIN_MS) return;
    seen.triedAt = clock.monotonic();
    if (!(await ports.freeNamespace(target.path, signal))) return;
    this.#remedies += 1;
    log.warn(
      { pv: target.pv, audit: true },
      "the metadata heal of this PV's directory went round: its namespace was removed from this brick's backend, for the heal to set it again",
    );
  }
}
