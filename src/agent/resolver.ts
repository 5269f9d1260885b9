/**
 * Ends split-brains as somebody has decided: shows a plan first, carries out exactly that plan and no other, and looks at what
 * became of it. Every brick's row is changed by its own agent, which reads it again before: it has the fence, the connection
 * and the right to do so, and a row that has changed since the plan is left alone.
 */
import { isDeepStrictEqual } from 'node:util';
import { decodeChangelog, CHANGE_KINDS, type Changelog } from '../heal/changelog.ts';
import {
  idOf,
  isWhole,
  planResolution,
  type PlanStep,
  type Planned,
  type Policy,
  type ResolutionPlan,
} from '../heal/resolve.ts';
import type { NameRemoval } from '../heal/resolve-name.ts';
import type { CopyRow, SplitBrain } from '../heal/split-brain.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { Mutex } from '../lib/mutex.ts';
import type { NameResolver } from './name-resolver.ts';
import type { SplitBrainWatch } from './split-brain.ts';

/** A small file heals within a second of the crawl; a large one is looked at later, by whoever wants to know. In milliseconds. */
const HEAL_WAIT_MS = 20_000;
const HEAL_LOOK_MS = 500;
/** Between two requests to crawl while something is not healed; in milliseconds. */
const RECRAWL_MS = 5_000;

/** Offers that are remembered; one that was forgotten is made anew, which takes some seconds. */
const MAX_OFFERS = 16;

/** One change of a row, as the agents ask one another. */
export interface RowChange {
  gfid: Gfid;
  child: string;
  add: Changelog;
  /** All counters of that copy as they were read for the plan, in hex; else nothing is changed. */
  expected: Record<string, string>;
}

export interface ResolverOptions {
  brickIndex: number;
  /** Under which names the other bricks of the set are blamed. */
  others: readonly string[];
  watch: Pick<SplitBrainWatch, 'judge' | 'rows' | 'status'>;
  /** For names that mean different objects. */
  names: Pick<NameResolver, 'plan' | 'apply' | 'remove' | 'unfinished'>;
  /** Why nothing may be written; undefined: it may. */
  fenced: () => string | undefined;
  /** Who has an object of our own brick open, in words; undefined: nobody, or it cannot be told. */
  use: (gfid: Gfid, signal: AbortSignal) => Promise<string | undefined>;
  /** The counters of our own copy in hex; undefined: there is none. */
  counters: (gfid: Gfid, signal: AbortSignal) => Promise<Record<string, string> | undefined>;
  /** Adds to a counter of our own copy; answers the sum. */
  add: (gfid: Gfid, child: string, add: Changelog, signal: AbortSignal) => Promise<Changelog>;
  /** Has the agent of another brick do so. */
  peer: (brickIndex: number, change: RowChange, signal: AbortSignal) => Promise<void>;
  /** Has the self-heal daemon of this pod crawl its index, also while a heal that somebody asked for is running. */
  crawl: (signal: AbortSignal) => Promise<void>;
  /** The same in the pods of the other bricks of the set, as far as their agents answer. */
  crawlElsewhere: (signal: AbortSignal) => Promise<void>;
  clock: Clock;
  log: Log;
}

export interface ResolutionItem {
  found: SplitBrain;
  /** What it was planned with. */
  rows: readonly CopyRow[];
  planned: Planned;
}

export interface ResolutionOffer {
  /** Names exactly these items in the state that they are in. */
  id: string;
  items: ResolutionItem[];
}

export interface ResolutionResult {
  gfid: Gfid;
  outcome:
    | 'Healed'
    /** The rows are changed; the self-heal daemon has not finished. */
    | 'Healing'
    | 'Refused'
    /** Some rows may be changed; what is split still is shown by a new plan. */
    | 'Failed';
  message: string;
}

/** What was done to which object, as it was asked for. */
interface Changed {
  gfid: Gfid;
  plan: ResolutionPlan;
  /** Which step failed after others were done: a heal that began in between takes counters away, too, and all is well. */
  failure: string | undefined;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #mutex = new Mutex();
  /** What was offered last, by id. */
  readonly #offers = new Map<string, { gfids: string; split: SplitBrain[] }>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** What would be done. @throws AgentError `NotFound` for an object that is not in split-brain, `Conflict` when that is not known */
  async plan(
    gfids: readonly Gfid[],
    policy: Policy,
    source: number | undefined,
    signal: AbortSignal,
  ): Promise<ResolutionOffer> {
    const { watch } = this.#options;
    const verdicts = await watch.judge(gfids, signal);
    const split: SplitBrain[] = [];
    for (const [gfid, verdict] of verdicts) {
      if (verdict.kind === 'Unknown') throw new AgentError('Conflict', `not decided: ${verdict.why}`);
      if (verdict.kind === 'SplitBrain') split.push(verdict.found);
      else if (gfids.length === 1) throw new AgentError('NotFound', `${gfid} is not in split-brain`);
    }
    const offer = await this.#offer(split, policy, source, signal);
    if (this.#offers.size >= MAX_OFFERS) this.#offers.delete(this.#offers.keys().next().value ?? '');
    this.#offers.set(offer.id, { gfids: keyOf(gfids), split });
    return offer;
  }

  async #offer(
    split: readonly SplitBrain[],
    policy: Policy,
    source: number | undefined,
    signal: AbortSignal,
  ): Promise<ResolutionOffer> {
    const rows = await this.#rows(split, signal);
    const items: ResolutionItem[] = [];
    const removed = new Set<string>();
    for (const found of split) {
      const own = rows.get(found.gfid) ?? [];
      const planned = await this.#unlessUsed(
        found,
        isOfName(found)
          ? await this.#options.names.plan(found, policy, source, signal)
          : planResolution(found, own, policy, source),
        signal,
      );
      // Of a PV both objects of a name are known: once is enough.
      const [removal] = 'plan' in planned ? planned.plan.removals : [];
      const key = removal === undefined ? undefined : `${removal.parent}/${removal.name}`;
      if (key !== undefined && removed.has(key)) continue;
      if (key !== undefined) removed.add(key);
      items.push({ found, rows: own, planned });
    }
    return { id: idOf(items.map(({ planned }) => ('plan' in planned ? planned.plan.id : planned.refusal))), items };
  }

  /** A client that has an object open may write at any moment, and what it has read by then may be of the copy that loses. */
  async #unlessUsed({ gfid }: SplitBrain, planned: Planned, signal: AbortSignal): Promise<Planned> {
    if ('refusal' in planned) return planned;
    const { brickIndex, use } = this.#options;
    const { removals } = planned.plan;
    const objects = removals.length > 0 ? new Set(removals.map((removal) => removal.gfid)) : [gfid];
    for (const object of objects) {
      const used = await use(object, signal);
      if (used === undefined) continue;
      return { refusal: `it is in use, ${used} on brick ${brickIndex}: have it closed, and make a plan anew` };
    }
    return planned;
  }

  /**
   * Carries a plan out, one after the other.
   *
   * @param id that of the offer
   * @throws AgentError as `plan`, `Conflict` when anything has changed since
   */
  async execute(
    gfids: readonly Gfid[],
    policy: Policy,
    source: number | undefined,
    id: string,
    signal: AbortSignal,
  ): Promise<{ offer: ResolutionOffer; results: ResolutionResult[] }> {
    return await this.#mutex.run(async () => {
      // The copies were compared twice for the plan; that they are still the same, which its id tells, is the third time.
      const before = this.#offers.get(id);
      const offer =
        before?.gfids === keyOf(gfids)
          ? await this.#offer(before.split, policy, source, signal)
          : await this.plan(gfids, policy, source, signal);
      if (offer.id !== id) {
        throw new AgentError(
          'Conflict',
          `not done: something has changed since plan ${id}; the plan is ${offer.id} now`,
        );
      }
      const results: ResolutionResult[] = [];
      const changed: Changed[] = [];
      for (const { found, rows, planned } of offer.items) {
        if ('refusal' in planned) results.push({ gfid: found.gfid, outcome: 'Refused', message: planned.refusal });
        else {
          const { plan } = planned;
          const isOfNames = plan.removals.length > 0;
          const { failure, done } = isOfNames
            ? { failure: await this.#options.names.apply(plan, signal), done: 0 }
            : await this.#apply(plan, rows, signal);
          if (failure === undefined || done > 0) changed.push({ gfid: found.gfid, plan, failure });
          else results.push({ gfid: found.gfid, outcome: 'Failed', message: failure });
        }
      }
      if (changed.length > 0) results.push(...(await this.#heal(changed, signal)));
      return { offer, results };
    });
  }

  /**
   * Changes the row of our own copy, if it still is what was planned with, and reads it back.
   *
   * @throws AgentError `BrickFenced`, `Conflict`, or what the brick says
   */
  async change({ gfid, child, add, expected }: RowChange, signal: AbortSignal): Promise<void> {
    const { fenced, others, counters, log } = this.#options;
    const fence = fenced();
    if (fence !== undefined) throw new AgentError('BrickFenced', fence);
    if (!others.includes(child)) throw new AgentError('BadRequest', `${child} is no other brick of the set`);
    const now = await counters(gfid, signal);
    if (!isDeepStrictEqual(now, expected)) {
      throw new AgentError('Conflict', `the counters of ${gfid} have changed since the plan: nothing is done`);
    }
    const before = decodeChangelog(now?.[`trusted.afr.${child}`] ?? '0'.repeat(24));
    if (CHANGE_KINDS.some((kind) => (before?.[kind] ?? 0) + add[kind] < 0)) {
      throw new AgentError('BadRequest', `the counters of ${gfid} are not as high as what is to be taken back`);
    }
    const use = await this.#options.use(gfid, signal);
    if (use !== undefined) throw new AgentError('Conflict', `${gfid} is in use (${use}): nothing is done`);
    const after = await this.#options.add(gfid, child, add, signal);
    const audit = { action: 'ChangeChangelog', gfid, child, add, before, after };
    log.info({ audit }, 'changelog changed to end a split-brain');
    for (const kind of CHANGE_KINDS) {
      if (after[kind] !== (before?.[kind] ?? 0) + add[kind]) {
        throw new AgentError('Conflict', `somebody else changed the counters of ${gfid} at the same time`);
      }
    }
  }

  /** @throws AgentError as `NameResolver.remove` */
  async removeName(removal: NameRemoval, signal: AbortSignal): Promise<void> {
    await this.#options.names.remove(removal, signal);
  }

  async crawl(signal: AbortSignal): Promise<void> {
    await this.#options.crawl(signal);
  }

  /** @returns why it failed, and how many steps were done before */
  async #apply(
    { gfid, steps, source, losers }: ResolutionPlan,
    rows: readonly CopyRow[],
    signal: AbortSignal,
  ): Promise<{ failure: string | undefined; done: number }> {
    const { brickIndex, peer, log } = this.#options;
    const counters = new Map(
      rows.map(({ brickIndex: at, copy }) => [at, typeof copy === 'string' ? {} : copy.counters]),
    );
    log.info({ audit: { action: 'ResolveSplitBrain', gfid, source, losers } }, 'ending a split-brain');
    for (const [done, step] of steps.entries()) {
      const expected = counters.get(step.brickIndex) ?? {};
      try {
        const { child, add } = step;
        if (step.brickIndex === brickIndex) await this.change({ gfid, child, add, expected }, signal);
        else await peer(step.brickIndex, { gfid, child, add, expected }, signal);
      } catch (error) {
        if (isAgentError(error, 'Aborted')) throw error;
        return { failure: `brick ${step.brickIndex}: ${errorMessage(error)}`, done };
      }
      counters.set(step.brickIndex, sum(expected, step));
    }
    return { failure: undefined, done: steps.length };
  }

  async #heal(changed: readonly Changed[], signal: AbortSignal): Promise<ResolutionResult[]> {
    const { clock } = this.#options;
    const until = clock.monotonic() + HEAL_WAIT_MS;
    let unasked: string | undefined;
    for (let crawledAt: number | undefined; ;) {
      // A directory that is merged has its new objects healed by a later crawl.
      if (crawledAt === undefined || clock.monotonic() - crawledAt >= RECRAWL_MS) {
        crawledAt = clock.monotonic();
        unasked = await this.#crawlAll(signal);
      }
      const results = await this.#outcomes(changed, unasked, signal);
      if (clock.monotonic() >= until || results.every(({ outcome }) => outcome === 'Healed')) return results;
      await clock.sleep(HEAL_LOOK_MS, signal);
    }
  }

  /** @returns why the daemon of this pod was not asked */
  async #crawlAll(signal: AbortSignal): Promise<string | undefined> {
    const { log, crawl, crawlElsewhere } = this.#options;
    const [own, elsewhere] = await Promise.allSettled([crawl(signal), crawlElsewhere(signal)]);
    for (const asked of [own, elsewhere]) {
      // It crawls by itself, later; the result says that it is not done.
      if (asked.status === 'rejected')
        log.warn({ reason: errorMessage(asked.reason) }, 'a self-heal daemon was not asked');
    }
    return own.status === 'rejected' ? errorMessage(own.reason) : undefined;
  }

  async #outcomes(
    changed: readonly Changed[],
    unasked: string | undefined,
    signal: AbortSignal,
  ): Promise<ResolutionResult[]> {
    const ofCopies = changed.filter(({ plan }) => plan.removals.length === 0);
    const rows = await this.#rows(ofCopies, signal);
    const results: ResolutionResult[] = [];
    const daemon =
      unasked === undefined
        ? 'the self-heal daemon is at work'
        : `the self-heal daemon of this pod was not asked to go on (${unasked})`;
    for (const { gfid, plan, failure } of changed) {
      const why =
        plan.removals.length > 0
          ? await this.#options.names.unfinished(plan, signal)
          : isWhole(rows.get(gfid) ?? [], plan.kinds);
      results.push(
        why === undefined
          ? { gfid, outcome: 'Healed', message: `all copies are that of brick ${plan.source}` }
          : {
              gfid,
              outcome: failure === undefined ? 'Healing' : 'Failed',
              message: failure ?? `decided for brick ${plan.source}; ${why}: ${daemon}`,
            },
      );
    }
    return results;
  }

  async #rows(objects: readonly { gfid: Gfid }[], signal: AbortSignal): Promise<Map<Gfid, CopyRow[]>> {
    if (objects.length === 0) return new Map();
    const rows = await this.#options.watch.rows(
      objects.map(({ gfid }) => gfid),
      signal,
    );
    if (typeof rows === 'string') throw new AgentError('Conflict', `not decided: ${rows}`);
    return rows;
  }
}

/** The same for the same objects in any order. */
function keyOf(gfids: readonly Gfid[]): string {
  return [...gfids].sort().join();
}

function isOfName({ kinds }: SplitBrain): boolean {
  return kinds.includes('gfid') || kinds.includes('type');
}

/** What the row holds after a step. */
function sum(counters: Record<string, string>, { child, add }: PlanStep): Record<string, string> {
  const key = `trusted.afr.${child}`;
  const bytes = Buffer.alloc(12);
  const before = decodeChangelog(counters[key] ?? '0'.repeat(24));
  for (const [at, kind] of CHANGE_KINDS.entries()) bytes.writeInt32BE((before?.[kind] ?? 0) + add[kind], 4 * at);
  return { ...counters, [key]: bytes.toString('hex') };
}
