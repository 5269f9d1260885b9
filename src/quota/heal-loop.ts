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
  targets: () => Target[];
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
/** Between two looks at one whose blame may be growing, in milliseconds: a heal that goes round tries some three times a second (measured on 11.1). */
const LOOK_AGAIN_MS = 1_000;
/** A remedy that did not help is tried again after this long, in milliseconds: each try is a moment in which the backend lacks the namespace. */
const TRY_AGAIN_MS = 60_000;
/** PVs in one look, in turns; some 60 µs each in the worker. */
const MAX_PER_PASS = 1_000;

interface Target {
  pv: string;
  path: string;
}

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

  /** A look; where this copy's blame is new or has grown, more of them until that is a loop or none. @throws AgentError when the brick's directory does not answer */
  async pass(signal: AbortSignal): Promise<void> {
    const all = this.#options.targets();
    this.#forgetOthers(all);
    let some = this.#turn(all);
    for (let looks = 0; looks <= RISES; looks += 1) {
      some = await this.#lookAt(some, signal);
      if (some.length === 0) return;
      if (looks < RISES) await this.#options.clock.sleep(LOOK_AGAIN_MS, signal);
    }
  }

  /** What comes back to a brick that was wiped is another directory, and its heal another loop. */
  #forgetOthers(all: readonly Target[]): void {
    if (this.#seen.size === 0) return;
    const paths = new Set(all.map(({ path }) => path));
    for (const key of this.#seen.keys()) if (!paths.has(key.slice(0, key.indexOf('\n')))) this.#seen.delete(key);
  }

  /** @returns those of which another look soon would tell more */
  async #lookAt(some: readonly Target[], signal: AbortSignal): Promise<Target[]> {
    const open: Target[] = [];
    const blames = await this.#options.ports.blames(
      some.map(({ path }) => path),
      signal,
    );
    const looked = new Set(some.map(({ path }) => path));
    const kept = new Map([...this.#seen].filter(([key]) => !looked.has(key.slice(0, key.indexOf('\n')))));
    for (const [index, target] of some.entries()) {
      for (const blame of blames[index] ?? []) {
        const key = `${target.path}\n${blame.name}`;
        const before = this.#seen.get(key);
        const seen = this.#look(before, blame);
        kept.set(key, seen);
        if (seen.rises >= RISES) await this.#act(target, blame.name, seen, signal);
        else if (blame.name === this.#options.own && isOpen(before, seen, blame)) open.push(target);
      }
    }
    this.#seen = kept;
    this.#options.take(this.#sinks());
    return open;
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

  async #act(target: Target, name: string, seen: Seen, signal: AbortSignal): Promise<void> {
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
    // The heal that goes round takes the blame away and sets it again: where that is just so, the next look tries.
    if (!(await ports.freeNamespace(target.path, signal))) return;
    seen.triedAt = clock.monotonic();
    this.#remedies += 1;
    log.warn(
      { pv: target.pv, audit: true },
      "the metadata heal of this PV's directory went round: its namespace was removed from this brick's backend, for the heal to set it again",
    );
  }
}

/** Blamed for metadata alone, and that is new or has grown. What stays as it is waits for something else. */
function isOpen(before: Seen | undefined, { rises }: Seen, { data, metadata, entry }: Blame): boolean {
  return data === 0 && entry === 0 && metadata > 0 && (before === undefined || rises > 0);
}
