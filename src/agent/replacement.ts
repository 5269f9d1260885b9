/**
 * Marks a brick that has lost its data on the other bricks of its set, and starts the heal: a plan first, then exactly that. Every
 * brick is written to by its own agent, which has the fence and the connection, and makes the plan itself before.
 */
import type { BrickSet } from '../heal/brick-set.ts';
import { CHANGE_KINDS, decodeChangelog, type Changelog } from '../heal/changelog.ts';
import type { BrickReport, PeerAnswer } from '../heal/disruption.ts';
import { planReplacement, type ReplacementPlan } from '../heal/replacement.ts';
import type { CopyRow } from '../heal/split-brain.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { Mutex } from '../lib/mutex.ts';

export interface ReplacementOptions {
  brickIndex: number;
  set: BrickSet;
  /** Why nothing may be written; undefined: it may. */
  fenced: () => string | undefined;
  report: (signal: AbortSignal) => Promise<BrickReport>;
  peers: (signal: AbortSignal) => Promise<PeerAnswer[]>;
  /** The copies of an object on all bricks of the set; a text says why they are not known. */
  rows: (gfids: readonly Gfid[], signal: AbortSignal) => Promise<ReadonlyMap<Gfid, CopyRow[]> | string>;
  /** The counters of our own root. */
  counters: (signal: AbortSignal) => Promise<Record<string, string> | undefined>;
  /** Adds to a counter of our own root; answers the sum. */
  add: (child: string, add: Changelog, signal: AbortSignal) => Promise<Changelog>;
  /** Has the agent of another brick mark the target. */
  peer: (brickIndex: number, target: number, signal: AbortSignal) => Promise<void>;
  /** Begins index heals on our own brick and, as far as their agents answer, on these, each followed until its backlog is 0. */
  heal: (bricks: readonly number[], signal: AbortSignal) => Promise<void>;
  log: Log;
}

export interface MarkResult {
  brickIndex: number;
  /** Why it was not marked there; undefined: it was. */
  failure: string | undefined;
}

export interface ReplacementOffer {
  target: number;
  planned: { plan: ReplacementPlan } | { refusal: string };
}

export class Replacement {
  readonly #options: ReplacementOptions;
  readonly #mutex = new Mutex();

  constructor(options: ReplacementOptions) {
    this.#options = options;
  }

  /** What would be done. @throws AgentError `Aborted` */
  async plan(target: number, signal: AbortSignal): Promise<ReplacementOffer> {
    const { set, report, peers, rows } = this.#options;
    // The peers are known by their bricks once their copies were asked for.
    const root = await rows([ROOT_GFID], signal);
    const [own, answers] = await Promise.all([report(signal), peers(signal)]);
    const reports = [own];
    const silent: string[] = [];
    for (const { address, answer } of answers) {
      if ('error' in answer) silent.push(`${address}: ${answer.error}`);
      else reports.push(answer);
    }
    const planned = planReplacement({
      set,
      target,
      reports,
      silent,
      root: typeof root === 'string' ? root : (root.get(ROOT_GFID) ?? 'nobody told of it'),
    });
    return { target, planned };
  }

  /**
   * Carries the plan out. It goes on to the other bricks when one fails: one that knows is
   * better than none, and a new plan shows what is left.
   *
   * @throws AgentError `Conflict` when anything has changed since, or it is refused
   */
  async execute(
    target: number,
    id: string,
    signal: AbortSignal,
  ): Promise<{ offer: ReplacementOffer; results: MarkResult[] }> {
    return await this.#mutex.run(async () => {
      const { brickIndex, peer, heal, log } = this.#options;
      const offer = await this.plan(target, signal);
      if ('refusal' in offer.planned) throw new AgentError('Conflict', `not done: ${offer.planned.refusal}`);
      const { plan } = offer.planned;
      if (plan.id !== id) {
        throw new AgentError(
          'Conflict',
          `not done: something has changed since plan ${id}; the plan is ${plan.id} now`,
        );
      }
      log.info(
        { audit: { action: 'MarkReplaced', target, bricks: plan.steps.map((step) => step.brickIndex) } },
        'marking',
      );
      const results: MarkResult[] = [];
      for (const step of plan.steps) {
        let failure: string | undefined;
        try {
          if (step.brickIndex === brickIndex) await this.mark(target, signal);
          else await peer(step.brickIndex, target, signal);
        } catch (error) {
          if (isAgentError(error, 'Aborted')) throw error;
          failure = errorMessage(error);
        }
        results.push({ brickIndex: step.brickIndex, failure });
      }
      // Not before all know it: the first heal brings names back, and what is not empty is not marked.
      await heal(
        results.flatMap((result) => (result.failure === undefined ? [result.brickIndex] : [])),
        signal,
      );
      return { offer, results };
    });
  }

  /**
   * Blames a brick of the set on our own root for all that it lacks, and reads it back. Who asks for it is not
   * believed: the plan is made anew here. Again is no error.
   *
   * @throws AgentError `BrickFenced`, `Conflict`, or what the brick says
   */
  async mark(target: number, signal: AbortSignal): Promise<void> {
    const { brickIndex, fenced, counters, add, log } = this.#options;
    const fence = fenced();
    if (fence !== undefined) throw new AgentError('BrickFenced', fence);
    const { planned } = await this.plan(target, signal);
    if ('refusal' in planned) throw new AgentError('Conflict', planned.refusal);
    const step = planned.plan.steps.find((step) => step.brickIndex === brickIndex);
    if (step === undefined) return;
    await add(step.child, step.add, signal);
    const found = (await counters(signal))?.[`trusted.afr.${step.child}`];
    const after = found === undefined ? undefined : decodeChangelog(found);
    const audit = { action: 'ChangeChangelog', gfid: ROOT_GFID, child: step.child, add: step.add, after };
    log.info({ audit }, 'marked as replaced');
    if (after === undefined || CHANGE_KINDS.some((kind) => after[kind] === 0)) {
      throw new AgentError('Conflict', `the mark for brick ${target} is not there: somebody has taken it back`);
    }
  }
}
