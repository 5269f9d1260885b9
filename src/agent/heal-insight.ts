/** What the API tells of single objects that wait for heal: listed, counted by PV, explained. */
import type { HealEntry } from '../brick/heal-entries.ts';
import { GFID_INDICES, type GfidIndex } from '../brick/heal-window.ts';
import { brickSetOf } from '../heal/brick-set.ts';
import type { ReplicaSet } from '../heal/changelog.ts';
import { describeEntry, isIdle, type PendingEntry } from '../heal/entry.ts';
import {
  explainHeal,
  type Comparison,
  type ExplainSubject,
  type Finding,
  type HealSituation,
  type NameGap,
} from '../heal/explain.ts';
import { bricksWithout, doubtfulNames } from '../heal/name-gap.ts';
import type { HealOperation } from '../heal/operation.ts';
import type { PeerAnswer } from '../heal/disruption.ts';
import type { DaemonChild, EntrySource } from '../heal/ports.ts';
import type { PvTally } from '../heal/pv-tally.ts';
import type { Since, Sightings } from '../heal/sightings.ts';
import type { HealStatus } from '../heal/tracker.ts';
import { bytesToText, textToBytes } from '../lib/byte-text.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { gfidFromBytes, gfidToBytes, type Gfid } from '../lib/gfid.ts';
import type { ProcessProof } from '../process/identity.ts';
import { haltOf, HALTS } from '../process/halt.ts';
import type { VolfileStatus } from '../volfile/status.ts';
import type { Config } from './config/load.ts';
import type { PeerUses } from './http/heal-schemas.ts';
import type { HealEntriesView, HealEntryView, HealExplainView, HealPvsView } from './http/schemas.ts';
import type { PvUses } from './pv-uses.ts';
import type { ObjectVerdict, SplitBrainWatch } from './split-brain.ts';
import type { ProcessView } from './process-monitor.ts';
import { processState } from './process-state.ts';

/**
 * The daemon answers at once, or a frozen brick keeps it waiting for longer than anybody who asks would wait; in milliseconds.
 */
const DAEMON_PATIENCE_MS = 8_000;
/** Of each index, so many are looked at for what keeps them: some 20 ms of the listing thread. */
const SAMPLED = 256;

export interface HealInsightOptions {
  config: Pick<Config, 'volume' | 'volumeType' | 'brickIndex' | 'shdExpected'>;
  source: EntrySource;
  tally: () => Promise<PvTally>;
  sightings: Pick<Sightings, 'since'>;
  /** Undefined on a volume that is not replicated. */
  splitBrain: Pick<SplitBrainWatch, 'known' | 'judge' | 'rows' | 'nameState' | 'status'> | undefined;
  /** Why the brick does not serve; undefined: it does. */
  notServing: () => string | undefined;
  /** What the agents of the other bricks say; undefined: no peers are configured. */
  peers: ((signal: AbortSignal) => Promise<PeerAnswer[]>) | undefined;
  daemon: { children(signal: AbortSignal): Promise<DaemonChild[]> };
  status: () => HealStatus;
  /** What PVs hold and may hold, here and on the other bricks. */
  uses: Pick<PvUses, 'of' | 'answer' | 'others'>;
  clock: Pick<Clock, 'now'>;
  processes: () => readonly ProcessView[];
  daemonAnswers: () => boolean;
  volfiles: () => readonly VolfileStatus[];
  /** Fires when the agent stops. */
  signal: AbortSignal;
}

export class HealInsight {
  readonly #options: HealInsightOptions;
  readonly #set: ReplicaSet | undefined;

  constructor(options: HealInsightOptions) {
    this.#options = options;
    this.#set = replicaSetOf(options.config);
  }

  async page(request: { index: GfidIndex; after: Gfid | undefined; limit: number }): Promise<HealEntriesView> {
    const { source, signal } = this.#options;
    const after = request.after === undefined ? undefined : normalGfid(request.after);
    const page = await source.page({ ...request, after }, signal);
    if (page === undefined) throw new AgentError('NotFound', `this brick has no ${request.index} index`);
    return {
      index: request.index,
      items: page.entries.map((entry) => this.#view(this.#describe(entry))),
      next: page.next ?? null,
    };
  }

  #view(entry: PendingEntry): HealEntryView {
    return entryView(
      entry,
      isIdle(entry.state) ? undefined : this.#options.sightings.since(entry.gfid, entry.changedAt),
    );
  }

  #describe(entry: HealEntry): PendingEntry {
    const described = describeEntry(entry, this.#set);
    return this.#options.splitBrain?.known(entry.gfid) === undefined
      ? described
      : { ...described, state: 'SplitBrain' };
  }

  async pvs(): Promise<HealPvsView> {
    const { pvs, outside, unknown, stale, complete, takenAt } = await this.#options.tally();
    const items = [...pvs].map(([pv, objects]) => ({ pv, objects })).sort((a, b) => b.objects - a.objects);
    return { items, outside, unknown, stale, complete, takenAt: new Date(takenAt).toISOString() };
  }

  /** @param subject a gfid or a path from the volume's root; undefined: the backlog as a whole */
  async explain(subject: string | undefined): Promise<HealExplainView> {
    const found = subject === undefined ? undefined : await this.#find(subject);
    const [situation, reports] = await Promise.all([
      this.#situation(found === undefined ? await this.#sample() : [], found?.entry),
      found === undefined ? this.#options.peers?.(this.#options.signal) : undefined,
    ]);
    situation.behind = behindOf(reports ?? [], this.#set?.self);
    const { state, reason, message } = situation.backlog;
    return {
      backlog: { state, reason, message },
      entry: found === undefined ? null : this.#view(found.entry),
      findings: explainHeal(situation, found).map(({ reason, severity, message, remedy }) => {
        return { reason, severity, message, remedy: remedy ?? null };
      }),
    };
  }

  /** What stands in the way of any heal. */
  async findings(): Promise<Finding[]> {
    return explainHeal(await this.#situation(await this.#sample()));
  }

  /** @param subject a gfid or a path from the volume's root. @throws AgentError `NotFound`, `BadRequest` */
  async gfidOf(subject: string): Promise<Gfid> {
    if (!subject.startsWith('/')) return gfidOf(subject);
    const { source, signal } = this.#options;
    const found = await source.object({ path: pathOf(subject) }, signal);
    if (found === undefined) throw new AgentError('NotFound', `there is nothing at ${subject} on this brick`);
    return found.gfid;
  }

  async #find(subject: string): Promise<ExplainSubject> {
    const { source, signal } = this.#options;
    const wanted = subject.startsWith('/') ? { path: pathOf(subject) } : { gfid: gfidOf(subject) };
    const found = await source.object(wanted, signal);
    if (found === undefined) throw new AgentError('NotFound', `there is nothing at ${subject} on this brick`);
    const entry = describeEntry(found, this.#set);
    const isWaiting = found.waitsIn.length > 0;
    const comparison = isWaiting ? await this.#compare(entry) : undefined;
    const nameGaps = isWaiting && comparison?.kind === 'None' ? await this.#nameGaps(entry.gfid) : undefined;
    return {
      entry: comparison?.kind === 'SplitBrain' ? { ...entry, state: 'SplitBrain' } : entry,
      isWaiting,
      comparison,
      nameGaps,
    };
  }

  /** The copies have just been compared, so that all bricks answer. */
  async #nameGaps(gfid: Gfid): Promise<NameGap[]> {
    const { splitBrain, source, signal } = this.#options;
    const rows = await splitBrain?.rows([gfid], signal);
    const gaps: NameGap[] = [];
    if (splitBrain === undefined || rows === undefined || typeof rows === 'string') return gaps;
    for (const record of doubtfulNames(rows.get(gfid) ?? [])) {
      const state = await splitBrain.nameState(record, signal);
      const bricks = typeof state === 'string' ? [] : bricksWithout(gfid, state);
      if (bricks.length === 0) continue;
      const parent = await source.object({ gfid: record.parent }, signal);
      const at = typeof parent?.object === 'object' ? parent.object.paths[0] : undefined;
      const directory = at === undefined ? `<gfid:${record.parent}>` : at === '' ? '' : `/${bytesToText(at)}`;
      gaps.push({ path: `${directory}/${bytesToText(record.name)}`, bricks });
    }
    return gaps;
  }

  /** What the other bricks say to it; undefined: there is nothing to ask. */
  async #compare({ gfid, state }: PendingEntry): Promise<Comparison | undefined> {
    const { splitBrain, signal } = this.#options;
    if (splitBrain === undefined || !['Pending', 'BlamesAll', 'BlamesItself'].includes(state)) return undefined;
    const verdict: ObjectVerdict | undefined = (await splitBrain.judge([gfid], signal)).get(gfid);
    if (verdict?.kind !== 'SplitBrain') return verdict;
    const { kinds, copies } = verdict.found;
    return { kind: 'SplitBrain', kinds, bricks: copies.map(({ brickIndex }) => brickIndex) };
  }

  uses(pvs: readonly string[]): PeerUses {
    return this.#options.uses.answer(pvs);
  }

  async #situation(sample: readonly PendingEntry[], subject?: PendingEntry): Promise<HealSituation> {
    const { config, processes, daemonAnswers, volfiles, status, uses, clock, signal } = this.#options;
    const { operations, ...backlog } = status();
    const proof = processes().find(({ process }) => process === 'shd')?.proof;
    const trouble = daemonTroubleOf(proof, daemonAnswers());
    const isAway = trouble !== undefined && trouble.kind !== 'Unproven';
    const asked = !config.shdExpected || isAway ? undefined : await this.#children();
    // It has ended since it was looked at last.
    const isGone = trouble === undefined && asked !== undefined && 'error' in asked && asked.isGone;
    const shdFile = volfiles().find(({ process }) => process === 'shd');
    return {
      isDaemonExpected: config.shdExpected,
      daemonTrouble: isGone ? { kind: 'Down', message: asked.error } : trouble,
      notServing: this.#options.notServing(),
      splitBrains: (this.#options.splitBrain?.status().items ?? []).map(({ kinds }) => kinds),
      behind: [],
      volfileErrors: (shdFile?.problems ?? []).filter(({ severity }) => severity === 'error'),
      children: asked,
      lastAnswer: lastAnswer(operations, proof),
      backlog,
      sample,
      useOf: uses.of,
      otherUses: await uses.others(subject === undefined ? sample : [subject], signal),
      now: clock.now(),
      self: brickNameOf(config),
    };
  }

  /** Of the daemon's state and of the backlog more is known; what cannot be read is for the view of the backlog to say. */
  async #sample(): Promise<PendingEntry[]> {
    const { source, status, signal } = this.#options;
    const { xattrop = 0, dirty = 0 } = status().pending;
    try {
      const sample: PendingEntry[] = [];
      for (const index of GFID_INDICES) {
        if ((index === 'dirty' ? dirty : xattrop) === 0) continue;
        const page = await source.page({ index, after: undefined, limit: SAMPLED }, signal);
        const entries = (page?.entries ?? []).map((entry) => this.#describe(entry));
        // What waits stands in both.
        sample.push(...(index === 'dirty' ? entries.filter(({ state }) => state === 'Dirty') : entries));
      }
      return sample;
    } catch (error) {
      if (!isAgentError(error) || signal.aborted) throw error;
      return [];
    }
  }

  async #children(): Promise<DaemonChild[] | { error: string; isGone: boolean }> {
    const { daemon, signal } = this.#options;
    const patience = AbortSignal.timeout(DAEMON_PATIENCE_MS);
    try {
      return await daemon.children(AbortSignal.any([signal, patience]));
    } catch (error) {
      if (signal.aborted) throw error;
      const why = patience.aborted ? `no answer within ${DAEMON_PATIENCE_MS / 1000} s` : errorMessage(error);
      const reason = isAgentError(error, 'ProcessUnproven') ? error.details?.['reason'] : undefined;
      return { error: why, isGone: reason === 'NotRunning' || reason === 'PidFileMissing' };
    }
  }
}

/** What the daemon that runs now said when it was last asked to heal; another one may have said it because of what was mended since. */
function lastAnswer(
  operations: readonly HealOperation[],
  proof: ProcessProof | undefined,
): HealSituation['lastAnswer'] {
  const since = proof?.ok === true ? proof.process.startedAt : 0;
  const answered = operations.filter(({ answeredAt = 0, children }) => children.length > 0 && answeredAt >= since);
  return answered.toSorted((a, b) => (b.answeredAt ?? 0) - (a.answeredAt ?? 0))[0]?.children ?? [];
}

/** Why the daemon does nothing, or is not proven to be there; undefined: nothing is wrong with its process, or nobody has looked. */
export function daemonTroubleOf(proof: ProcessProof | undefined, answers: boolean): HealSituation['daemonTrouble'] {
  if (proof === undefined) return undefined;
  if (!proof.ok) {
    const { state, message } = processState({ proof }, answers);
    return { kind: state === 'Down' ? 'Down' : 'Unproven', message };
  }
  const halt = haltOf(proof.process);
  if (halt === undefined) return undefined;
  const { pid } = proof.process;
  const message = `the self-heal daemon (pid ${pid}) is ${HALTS[halt].words}: nothing heals until it goes on`;
  return { kind: halt, message };
}

/**
 * Volfiles name clients `<volume>-client-<index>`, counted through all sets, and replicate blames them by that name unless
 * `afr-pending-xattr` says otherwise.
 */
export function replicaSetOf(config: Pick<Config, 'volume' | 'volumeType' | 'brickIndex'>): ReplicaSet | undefined {
  const { volume, volumeType, brickIndex } = config;
  // Nobody is blamed by name where there is one copy, or fragments.
  const set =
    volumeType === 'Replica1' || volumeType === 'Disperse' ? undefined : brickSetOf({ volumeType, brickIndex });
  if (set === undefined) return undefined;
  const nameOf = (index: number): string => brickNameOf({ volume, brickIndex: index });
  return { self: nameOf(brickIndex), others: set.members.filter((index) => index !== brickIndex).map(nameOf) };
}

/** The name of a brick's client in volfiles. */
export function brickNameOf({ volume, brickIndex }: Pick<Config, 'volume' | 'brickIndex'>): string {
  return `${volume}-client-${brickIndex}`;
}

/** Which other bricks have what this one missed. */
function behindOf(answers: readonly PeerAnswer[], self: string | undefined): HealSituation['behind'] {
  return answers.flatMap(({ answer }) => {
    if ('error' in answer || self === undefined || !answer.blames.includes(self)) return [];
    return [{ brickIndex: answer.brickIndex, message: answer.backlog.message }];
  });
}

export function entryView(entry: PendingEntry, since: Since | undefined): HealEntryView {
  const { gfid, state, type, paths, unknownNames, pv, kinds, blames, dirty, disperse, changedAt, isNamespace } = entry;
  const changed = changedAt === undefined ? null : new Date(changedAt).toISOString();
  return {
    gfid,
    state,
    type: type ?? null,
    paths,
    unknownNames,
    pv: pv ?? null,
    kinds,
    blames,
    dirty: dirty ?? null,
    disperse:
      disperse === undefined
        ? null
        : {
            dirtyData: String(disperse.dirtyData),
            dirtyMetadata: String(disperse.dirtyMetadata),
            versionData: String(disperse.versionData),
            versionMetadata: String(disperse.versionMetadata),
          },
    changedAt: changed,
    // Of most objects the same, and a list of many is written often.
    since: since === undefined ? null : since.at === changedAt ? changed : new Date(since.at).toISOString(),
    sinceFrom: since?.from ?? null,
    isNamespace,
  };
}

/** Of what a person has typed. @throws AgentError `BadRequest` */
function gfidOf(text: string): Gfid {
  try {
    return normalGfid(text);
  } catch (cause) {
    const message = `${JSON.stringify(text)} is neither a gfid nor a path from the volume's root, which begins with /`;
    throw new AgentError('BadRequest', message, { cause });
  }
}

/** @throws AgentError `BadRequest` */
function normalGfid(text: string): Gfid {
  return gfidFromBytes(gfidToBytes(text));
}

/** From the volume's root to the brick's, in latin1. @throws AgentError `BadRequest` for a path that leaves the volume */
function pathOf(text: string): string {
  const names = textToBytes(text)
    .split('/')
    .filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..' || name.includes('\0')) || names[0] === '.glusterfs') {
    throw new AgentError('BadRequest', `${text} is not the path of an object of the volume`);
  }
  return names.join('/');
}
