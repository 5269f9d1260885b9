/**
 * Ends a split-brain of a name: the names that are not kept are removed, each by the agent of its brick, which compares the
 * copies of all bricks itself before, since what is removed is gone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { BrickCopy, NamedObject } from '../brick/copies.ts';
import type { MissingObject } from '../brick/heal-entries.ts';
import type { NameRecord } from '../brick/gfid-path.ts';
import { CHANGE_KINDS } from '../heal/changelog.ts';
import { isWhole, type Policy, type ResolutionPlan } from '../heal/resolve.ts';
import { planName, type NameRemoval } from '../heal/resolve-name.ts';
import { dirtyOf, type SplitBrain } from '../heal/split-brain.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import type { SplitBrainWatch } from './split-brain.ts';

/** Names of one object that are compared; a file with more has another problem. */
const MAX_NAMES = 8;

export interface NameResolverOptions {
  brickIndex: number;
  watch: Pick<SplitBrainWatch, 'judge' | 'rows' | 'nameState'>;
  /** Why nothing may be written; undefined: it may. */
  fenced: () => string | undefined;
  /** Who has an object of our own brick open, in words; undefined: nobody, or it cannot be told. */
  use: (gfid: Gfid, signal: AbortSignal) => Promise<string | undefined>;
  /** What our own brick has under a name, and its copy of an object. */
  own: (
    record: NameRecord,
    gfid: Gfid,
    signal: AbortSignal,
  ) => Promise<{ named: NamedObject | undefined; copy: BrickCopy | MissingObject }>;
  /** Removes a name of what is no directory from our own brick, through its process. */
  unlink: (record: NameRecord, signal: AbortSignal) => Promise<void>;
  /** Has the agent of another brick do so. */
  peer: (removal: NameRemoval, signal: AbortSignal) => Promise<void>;
  log: Log;
}

export class NameResolver {
  readonly #options: NameResolverOptions;

  constructor(options: NameResolverOptions) {
    this.#options = options;
  }

  /** @throws AgentError `Conflict` when a brick cannot be asked, `Aborted` */
  async plan(
    { copies }: SplitBrain,
    policy: Policy,
    source: number | undefined,
    signal: AbortSignal,
  ): Promise<{ plan: ResolutionPlan } | { refusal: string }> {
    const [copy] = copies.flatMap(({ copy }) => (typeof copy === 'string' ? [] : [copy]));
    let refused = { refusal: 'no brick knows its name' };
    for (const record of (copy?.names ?? []).slice(0, MAX_NAMES)) {
      const state = await this.#options.watch.nameState(record, signal);
      if (typeof state === 'string') throw new AgentError('Conflict', `not decided: ${state}`);
      const planned = planName(state, policy, source);
      if ('plan' in planned || state.objects.size > 1) return planned;
      refused = planned;
    }
    return refused;
  }

  /** @returns why it failed; what was removed before stays so */
  async apply({ gfid, removals, source, losers }: ResolutionPlan, signal: AbortSignal): Promise<string | undefined> {
    const { brickIndex, peer, log } = this.#options;
    log.info({ audit: { action: 'ResolveName', gfid, source, losers } }, 'ending a split-brain of a name');
    // Each is another brick's, and takes some seconds to confirm.
    const failures = await Promise.all(
      removals.map(async (removal) => {
        try {
          if (removal.brickIndex === brickIndex) await this.remove(removal, signal);
          else await peer(removal, signal);
          return undefined;
        } catch (error) {
          if (isAgentError(error, 'Aborted')) throw error;
          return `brick ${removal.brickIndex}: ${errorMessage(error)}`;
        }
      }),
    );
    const failed = failures.filter((failure) => failure !== undefined);
    return failed.length === 0 ? undefined : failed.join('; ');
  }

  /**
   * Removes a name from our own brick, if the bricks confirm once more that it is in split-brain and it is what was planned with.
   *
   * @throws AgentError `BrickFenced`, `Conflict`, or what the brick says
   */
  async remove({ parent, name, gfid, expected }: NameRemoval, signal: AbortSignal): Promise<void> {
    const { watch, fenced, own, unlink, log } = this.#options;
    const fence = fenced();
    if (fence !== undefined) throw new AgentError('BrickFenced', fence);
    const verdict = (await watch.judge([gfid], signal)).get(gfid);
    if (verdict?.kind !== 'SplitBrain' || !verdict.found.kinds.some((kind) => kind === 'gfid' || kind === 'type')) {
      const why = verdict?.kind === 'Unknown' ? `: ${verdict.why}` : '';
      throw new AgentError('Conflict', `the bricks do not confirm that the name of ${gfid} is in split-brain${why}`);
    }
    const { named, copy } = await own({ parent, name }, gfid, signal);
    if (named?.gfid !== gfid || typeof copy === 'string' || !isDeepStrictEqual(sorted(copy), sorted(expected))) {
      throw new AgentError('Conflict', `${gfid} has changed since the plan: nothing is done`);
    }
    if (named.type === 'directory') throw new AgentError('BadRequest', 'a directory is not removed');
    const row = { brickIndex: 0, child: '', isArbiter: false, copy };
    if (CHANGE_KINDS.some((kind) => dirtyOf(row)[kind] > 0)) {
      throw new AgentError('Conflict', `${gfid} is being written: nothing is done`);
    }
    const use = await this.#options.use(gfid, signal);
    if (use !== undefined) throw new AgentError('Conflict', `${gfid} is in use (${use}): nothing is done`);
    const audit = { action: 'RemoveName', parent, name, gfid, size: copy.size, modifiedAt: copy.modifiedAt };
    log.info({ audit }, 'removing a name to end a split-brain');
    await unlink({ parent, name }, signal);
    const after = await own({ parent, name }, gfid, signal);
    if (after.named?.gfid === gfid) throw new AgentError('Conflict', 'the brick still has the name');
  }

  /** Why the kept object is not on all bricks yet; undefined: it is, and all copies are alike. @throws AgentError `Conflict` */
  async unfinished({ gfid, removals }: ResolutionPlan, signal: AbortSignal): Promise<string | undefined> {
    const [removal] = removals;
    if (removal === undefined) return undefined;
    const { parent, name } = removal;
    const state = await this.#options.watch.nameState({ parent, name }, signal);
    if (typeof state === 'string') throw new AgentError('Conflict', `not decided: ${state}`);
    for (const [brickIndex, named] of state.named) {
      if (named?.gfid !== gfid) return `brick ${brickIndex} has not got it yet`;
    }
    return isWhole(state.objects.get(gfid) ?? [], CHANGE_KINDS);
  }
}

/** A file system gives attributes, and so names and counters, in no order. */
function sorted({ names, ...copy }: BrickCopy): object {
  return { ...copy, names: names.map(({ parent, name }) => `${parent}/${name}`).sort() };
}
