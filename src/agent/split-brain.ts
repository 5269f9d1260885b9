/**
 * Compares what the bricks of the set blame each other for, object by object, and remembers which are in split-brain. Only
 * objects of the heal index are looked at, those first that blame every other brick; a brick without a backlog asks nobody.
 */
import type { BrickCopy, NamedObject } from '../brick/copies.ts';
import type { HealPage, MissingObject } from '../brick/heal-entries.ts';
import type { NameRecord } from '../brick/gfid-path.ts';
import type { BacklogView } from '../heal/backlog.ts';
import type { ReplicaSet } from '../heal/changelog.ts';
import { describeEntry } from '../heal/entry.ts';
import type { NameState } from '../heal/resolve-name.ts';
import {
  copiesOf,
  isSettled,
  mismatchOf,
  splitKinds,
  type CopyRow,
  type SplitBrain,
  type SplitKind,
} from '../heal/split-brain.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';

/** Objects in one question, also to a peer: some 10 ms of its brick's thread. */
export const MAX_OBJECTS = 256;
/** Entries of the index that one pass walks over, each some 80 µs of the listing thread; the next pass goes on from there. */
const WALKED = 10_000;
const PAGE_ENTRIES = 1_000;
/** Objects that somebody has hinted at, kept until the next pass. */
const MAX_HINTED = 256;
/** Symlinks of directories in split-brain that one pass looks at, too. */
const MAX_LINKS = 256;
/** Confirmed objects that are kept; a volume with more has another problem than their list. */
export const MAX_KNOWN = 1_000;
/** A post-op comes 1 s after a write, so what is still there after this is no write in flight; in milliseconds. */
export const CONFIRM_MS = 3_000;

/** What one brick answers. */
export interface CopiesAnswer {
  copies: (BrickCopy | MissingObject)[];
  named: (NamedObject | undefined)[];
}

export interface CopiesQuestion {
  gfids: readonly Gfid[];
  names: readonly NameRecord[];
}

export interface SplitBrainOptions {
  brickIndex: number;
  set: ReplicaSet;
  /** The bricks of the set, this one among them, by index with the name under which they are blamed. */
  members: readonly { brickIndex: number; child: string; isArbiter: boolean }[];
  backlog: () => BacklogView;
  page: (
    request: { index: 'xattrop'; after: Gfid | undefined; limit: number },
    signal: AbortSignal,
  ) => Promise<HealPage | undefined>;
  /** Our own copies. */
  own: (question: CopiesQuestion, signal: AbortSignal) => Promise<CopiesAnswer>;
  /** Those of the other bricks of the set, by index; one that does not answer has an error. */
  peers:
    | ((
        question: CopiesQuestion,
        signal: AbortSignal,
      ) => Promise<ReadonlyMap<number, CopiesAnswer | { error: string }>>)
    | undefined;
  /** Symlinks that our own brick has in directories: they stand in no index. */
  symlinks: (directories: readonly Gfid[], limit: number, signal: AbortSignal) => Promise<Gfid[]>;
  /** Paths from the brick's root in latin1, in the order of the gfids. */
  locate: (gfids: readonly Gfid[], signal: AbortSignal) => Promise<(string | undefined)[]>;
  clock: Clock;
  log: Log;
}

export type ObjectVerdict =
  | { kind: 'SplitBrain'; found: SplitBrain }
  | { kind: 'None' }
  /** A brick of the set did not answer, or none can be asked. */
  | { kind: 'Unknown'; why: string };

export interface KnownSplitBrain extends SplitBrain {
  /** Wall-clock milliseconds of the pass that confirmed it first, and of the last one. */
  since: number;
  confirmedAt: number;
}

export interface SplitBrainStatus {
  /** Undefined: all that waits on this brick has been compared, or is being. */
  unknown: string | undefined;
  items: readonly KnownSplitBrain[];
  /** Wall-clock milliseconds of the last pass; undefined: none yet. */
  checkedAt: number | undefined;
}

interface Look {
  rows: CopyRow[];
  kinds: SplitKind[];
  named: Map<number, NamedObject | undefined>;
}

export class SplitBrainWatch {
  readonly #options: SplitBrainOptions;
  readonly #known = new Map<Gfid, KnownSplitBrain>();
  #unknown: string | undefined = 'not looked at yet';
  #checkedAt: number | undefined;
  #cursor: Gfid | undefined;
  readonly #hinted = new Set<Gfid>();
  /** Names in these directories are in doubt, and those of symlinks are found in no other way. */
  #links: readonly Gfid[] = [];

  constructor(options: SplitBrainOptions) {
    this.#options = options;
  }

  status(): SplitBrainStatus {
    return { unknown: this.#unknown, items: [...this.#known.values()], checkedAt: this.#checkedAt };
  }

  known(gfid: Gfid): KnownSplitBrain | undefined {
    return this.#unknown === undefined ? this.#known.get(gfid) : undefined;
  }

  /** Objects to be compared with the next pass, too; whoever says so is not believed. Those beyond a bound are dropped. */
  hint(gfids: readonly Gfid[]): void {
    for (const gfid of gfids) if (this.#hinted.size < MAX_HINTED) this.#hinted.add(gfid);
  }

  /** @throws AgentError when the own brick cannot be read */
  async pass(signal: AbortSignal): Promise<void> {
    const { clock, log, backlog, symlinks } = this.#options;
    const { pending, message } = backlog();
    if (pending.xattrop === undefined) {
      // No failure of this pass: right after the start the index has not been read, and later the loop that reads it says why.
      this.#unknown = `what waits is not known: ${message}`;
      return;
    }
    try {
      const gfids = pending.xattrop === 0 ? [] : await this.#candidates(signal);
      const verdicts = await this.judge(gfids, signal);
      for (const gfid of this.#known.keys()) if (!verdicts.has(gfid)) this.#forget(gfid);
      let unknown: string | undefined;
      for (const [gfid, verdict] of verdicts) {
        if (verdict.kind === 'SplitBrain') this.#remember(verdict.found);
        else if (verdict.kind === 'None') this.#forget(gfid);
        else unknown ??= verdict.why;
      }
      this.#unknown = unknown;
      this.#checkedAt = clock.now();
      const doubtful = [...this.#known.values()].filter(({ kinds }) => kinds.includes('entry'));
      this.#links =
        doubtful.length === 0
          ? []
          : await symlinks(
              doubtful.map(({ gfid }) => gfid),
              MAX_LINKS,
              signal,
            );
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.#unknown = errorMessage(error);
      log.debug({ err: error }, 'split-brain is not known');
      throw error;
    }
  }

  /**
   * Compares the copies of objects on all bricks, and those that look like a split-brain again some seconds later.
   *
   * @throws AgentError when the own brick cannot be read, `Aborted`
   */
  async judge(gfids: readonly Gfid[], signal: AbortSignal): Promise<Map<Gfid, ObjectVerdict>> {
    const verdicts = new Map<Gfid, ObjectVerdict>();
    if (gfids.length === 0) return verdicts;
    const first = await this.#look(gfids, signal);
    if (typeof first === 'string') {
      for (const gfid of gfids) verdicts.set(gfid, { kind: 'Unknown', why: first });
      return verdicts;
    }
    const suspects = gfids.filter((gfid) => (first.get(gfid)?.kinds.length ?? 0) > 0);
    for (const gfid of gfids) verdicts.set(gfid, { kind: 'None' });
    if (suspects.length === 0) return verdicts;
    await this.#options.clock.sleep(CONFIRM_MS, signal);
    const second = await this.#look(suspects, signal);
    const paths = await this.#options.locate(suspects, signal);
    for (const [at, gfid] of suspects.entries()) {
      if (typeof second === 'string') verdicts.set(gfid, { kind: 'Unknown', why: second });
      else verdicts.set(gfid, confirm(gfid, paths[at] ?? undefined, first.get(gfid), second.get(gfid)));
    }
    return verdicts;
  }

  /** The rows of all bricks for each of at most `MAX_OBJECTS` objects; a text says why not. */
  async rows(gfids: readonly Gfid[], signal: AbortSignal): Promise<Map<Gfid, CopyRow[]> | string> {
    const answers = await this.#ask({ gfids, names: [] }, signal);
    if (typeof answers === 'string') return answers;
    return new Map(gfids.map((gfid, at) => [gfid, this.#rowsAt(answers, at)]));
  }

  /** What all bricks have under a name; a text says why that is not known. */
  async nameState(record: NameRecord, signal: AbortSignal): Promise<NameState | string> {
    const answers = await this.#ask({ gfids: [record.parent], names: [record] }, signal);
    if (typeof answers === 'string') return answers;
    // In the order of the bricks, and not in that of their answers: what is planned from it has to be the same again.
    const named = new Map(
      this.#options.members.map(({ brickIndex }) => [brickIndex, answers.get(brickIndex)?.named[0]]),
    );
    const gfids = [...new Set([...named.values()].flatMap((object) => (object === undefined ? [] : [object.gfid])))];
    const objects = gfids.length === 0 ? new Map<Gfid, CopyRow[]>() : await this.rows(gfids, signal);
    if (typeof objects === 'string') return objects;
    return { record, directory: this.#rowsAt(answers, 0), named, objects };
  }

  async #look(gfids: readonly Gfid[], signal: AbortSignal): Promise<Map<Gfid, Look> | string> {
    const all = new Map<Gfid, Look>();
    for (let start = 0; start < gfids.length; start += MAX_OBJECTS) {
      const found = await this.rows(gfids.slice(start, start + MAX_OBJECTS), signal);
      if (typeof found === 'string') return found;
      const looks = new Map<Gfid, Look>();
      for (const [gfid, rows] of found) looks.set(gfid, { rows, kinds: splitKinds(rows), named: new Map() });
      const why = await this.#lookAtNames(looks, signal);
      if (why !== undefined) return why;
      for (const [gfid, look] of looks) all.set(gfid, look);
    }
    return all;
  }

  /** An object that some brick has not may be another one there under the same name. @returns why that is not known */
  async #lookAtNames(looks: Map<Gfid, Look>, signal: AbortSignal): Promise<string | undefined> {
    const asked: { look: Look; own: NamedObject; name: NameRecord }[] = [];
    for (const [gfid, look] of looks) {
      if (!look.rows.some(({ copy }) => copy === 'gone' || copy === 'unresolved')) continue;
      const [copy] = look.rows.flatMap((row) => (typeof row.copy === 'string' ? [] : [row.copy]));
      const [name] = copy?.names ?? [];
      if (copy !== undefined && name !== undefined) asked.push({ look, own: { gfid, type: copy.type }, name });
    }
    if (asked.length === 0) return undefined;
    const parents = [...new Set(asked.map(({ name }) => name.parent))];
    const answers = await this.#ask({ gfids: parents, names: asked.map(({ name }) => name) }, signal);
    if (typeof answers === 'string') return answers;
    for (const [at, { look, own, name }] of asked.entries()) {
      const parentRows = this.#rowsAt(answers, parents.indexOf(name.parent));
      // With a source of entries the daemon knows which name is right, and removes the other.
      if (!splitKinds(parentRows).includes('entry')) continue;
      look.named = new Map([...answers].map(([index, { named }]) => [index, named[at]]));
      const mismatch = mismatchOf(own, [...look.named.values()]);
      if (mismatch !== undefined) look.kinds.push(mismatch);
    }
    return undefined;
  }

  #rowsAt(answers: ReadonlyMap<number, CopiesAnswer>, at: number): CopyRow[] {
    return this.#options.members.map((member) => ({
      ...member,
      copy: answers.get(member.brickIndex)?.copies[at] ?? 'gone',
    }));
  }

  async #ask(question: CopiesQuestion, signal: AbortSignal): Promise<Map<number, CopiesAnswer> | string> {
    const { own, peers, brickIndex, members } = this.#options;
    if (peers === undefined) return 'the other bricks cannot be asked: no peers are configured';
    const [ours, theirs] = await Promise.all([own(question, signal), peers(question, signal)]);
    const answers = new Map([[brickIndex, ours]]);
    for (const member of members) {
      if (member.brickIndex === brickIndex) continue;
      const answer = theirs.get(member.brickIndex);
      if (answer === undefined) return `no agent answers for brick ${member.brickIndex}`;
      if ('error' in answer) return `brick ${member.brickIndex}: ${answer.error}`;
      if (answer.copies.length !== question.gfids.length || answer.named.length !== question.names.length) {
        return `brick ${member.brickIndex}: its answer is not as long as the question`;
      }
      answers.set(member.brickIndex, answer);
    }
    return answers;
  }

  /** Those that are known, at most `MAX_OBJECTS` more, those first that blame every other brick, and symlinks. */
  async #candidates(signal: AbortSignal): Promise<Gfid[]> {
    const { page, set } = this.#options;
    const likely: Gfid[] = [];
    const others: Gfid[] = [];
    for (let walked = 0; walked < WALKED; walked += PAGE_ENTRIES) {
      const found = await page({ index: 'xattrop', after: this.#cursor, limit: PAGE_ENTRIES }, signal);
      for (const entry of found?.entries ?? []) {
        const { state } = describeEntry(entry, set);
        if (state === 'BlamesAll' || state === 'BlamesItself') likely.push(entry.gfid);
        else if (state === 'Pending') others.push(entry.gfid);
      }
      this.#cursor = found?.next;
      if (this.#cursor === undefined) break;
    }
    const fresh = new Set([...this.#hinted, ...likely, ...others].filter((gfid) => !this.#known.has(gfid)));
    this.#hinted.clear();
    return [...new Set([...this.#known.keys(), ...[...fresh].slice(0, MAX_OBJECTS), ...this.#links])];
  }

  #remember(found: SplitBrain): void {
    const { clock, log } = this.#options;
    const before = this.#known.get(found.gfid);
    if (before === undefined) {
      if (this.#known.size >= MAX_KNOWN) return;
      log.warn({ gfid: found.gfid, kinds: found.kinds, path: found.path }, 'split-brain');
    }
    const now = clock.now();
    this.#known.set(found.gfid, { ...found, since: before?.since ?? now, confirmedAt: now });
  }

  #forget(gfid: Gfid): void {
    if (this.#known.delete(gfid)) this.#options.log.info({ gfid }, 'no split-brain any more');
  }
}

function confirm(
  gfid: Gfid,
  path: string | undefined,
  first: Look | undefined,
  second: Look | undefined,
): ObjectVerdict {
  if (first === undefined || second === undefined || !isSettled(first.rows, second.rows)) return { kind: 'None' };
  const kinds = second.kinds.filter((kind) => first.kinds.includes(kind));
  const [copy] = second.rows.flatMap((row) => (typeof row.copy === 'string' ? [] : [row.copy]));
  if (kinds.length === 0 || copy === undefined) return { kind: 'None' };
  const { rows, named } = second;
  return { kind: 'SplitBrain', found: { gfid, kinds, type: copy.type, path, copies: copiesOf(rows, named) } };
}
