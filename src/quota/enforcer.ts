import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { Mutex } from '../lib/mutex.ts';
import type { AdoptionTarget } from './adopter.ts';
import { isSameClaim, type PvClaim } from './claim.ts';
import { ownClaim, peerClaim, type PeerLimit, type PeerWish, type PeerWord, type Wishes } from './desired.ts';
import type { AuditTarget, PvAudit } from './audit.ts';
import { FileWishes } from './file-wishes.ts';
import { isQuietSince, type GrowthMark } from './growth.ts';
import type { GuardTarget } from './guard.ts';
import type { QuotaLayout } from './layout.ts';
import type { Inventory, Refusal } from '../brick/pv-inventory.ts';
import type { Fence, QuotaBackend, QuotaBrick, RefusedWriteSource, Targets } from './ports.ts';
import {
  foundLive,
  isSettled,
  judge,
  recordOf,
  showsLess,
  unsettle,
  viewOf,
  PvState,
  type BackendView,
  type LiveView,
  type QuotaView,
  type UnknownView,
} from './pv-state.ts';
import type { QuotaFileContent } from './quota-file.ts';
import { encodeRecord, recordedClaim, type QuotaRecord } from './record.ts';
import { Reconciler } from './reconciler.ts';
import type { RepairTarget, RepairView } from './repairer.ts';
import type { ScanTarget } from './scanner.ts';
import { forgetCounter, type UsageScan } from './usage.ts';

/** Limits from a mounted file: always the last good ones. */
export interface QuotaFile {
  read(signal: AbortSignal): Promise<QuotaFileContent>;
  /** Why the file as it stands is not in force; undefined when it is. */
  readonly error?: string | undefined;
}

export interface EnforcerOptions {
  backend: QuotaBackend;
  brick: QuotaBrick;
  layout: QuotaLayout;
  fence: () => Fence;
  /** The mounted quota file; undefined: none is configured. */
  quotaFile?: QuotaFile | undefined;
  /** What the agents of the other bricks want for a PV. */
  peerWish?: ((pv: string) => PeerWish | undefined) | undefined;
  /** Whose word that is. */
  peerWord?: ((pv: string) => PeerWord | undefined) | undefined;
  /** Undefined: nothing tells. */
  refusedWrites?: RefusedWriteSource | undefined;
  clock: Clock;
  log: Log;
  /** Every PV is read back from disk and brick at least this often, in milliseconds, unless it is known that nothing can have changed. */
  verifyIntervalMs: number;
  /** What the brick has been asked to write until now; undefined, also as an answer: that cannot be known. Never rejects but for a shutdown. */
  growth?: ((signal: AbortSignal) => Promise<GrowthMark | undefined>) | undefined;
  /** Every PV is read back at least this often, in milliseconds, whatever is known. */
  checkIntervalMs?: number;
}

/** What inotify, the brick's counters and the free space do not tell is found by then, in milliseconds. */
const CHECK_INTERVAL_MS = 600_000;

/**
 * Keeps every PV's limit as wanted: what is wanted, against the backend, against the running brick.
 *
 * A pass is level-based: it remembers nothing that it could not read again. Between two full verifications it works only on
 * PVs that are new, changed or not yet settled, so that a quiet brick costs next to nothing.
 */
export class QuotaEnforcer {
  readonly #options: EnforcerOptions;
  readonly #reconciler: Reconciler;
  readonly #mutex = new Mutex();
  #states = new Map<string, PvState>();
  #refusals: Refusal[] = [];
  /** What the states were last made of. */
  #stock: (Stock & { error: string | undefined }) | undefined;
  #seenGeneration = -1;
  /** That of the last pass that read back everything. */
  #checkedGeneration = -1;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #firstPassDone = false;
  /** PVs as those who work on them ask for them every few seconds, by what is asked for; until a state changes or the time is over. */
  #lists = new Map<string, { list: readonly unknown[]; until: number }>();
  /** Work under way that changes states. */
  #changing = 0;

  constructor(options: EnforcerOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler({ checkIntervalMs: CHECK_INTERVAL_MS, ...options });
  }

  /** Whether one whole pass has succeeded since start; until then an empty list means nothing. */
  get hasSynced(): boolean {
    return this.#firstPassDone;
  }

  /** Whether every limit has been looked at since the brick was connected to last: it may be another process, which knows none. */
  get isBrickSynced(): boolean {
    return this.#firstPassDone && this.#checkedGeneration === this.#options.brick.generation;
  }

  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  /** Whether the quota file as it stands is in force; undefined: there is none, or it was not read yet. */
  get isQuotaFileValid(): boolean | undefined {
    const { quotaFile } = this.#options;
    return quotaFile === undefined || !this.#firstPassDone ? undefined : quotaFile.error === undefined;
  }

  /** All PVs, by name. */
  list(): QuotaView[] {
    const names = [...this.#states.keys()].sort();
    return names.flatMap((pv) => this.get(pv) ?? []);
  }

  get(pv: string): QuotaView | undefined {
    const state = this.#states.get(pv);
    return state === undefined ? undefined : this.#viewOf(state);
  }

  #viewOf(state: PvState): QuotaView {
    const { layout, refusedWrites, peerWord } = this.#options;
    return viewOf(state, layout, refusedWrites, peerWord);
  }

  /** PVs that are known, with or without a limit. */
  get count(): number {
    return this.#states.size;
  }

  state(pv: string): PvState | undefined {
    return this.#states.get(pv);
  }

  states(): Iterable<PvState> {
    return this.#states.values();
  }

  /** The limits that this agent has at first hand, for the agents of the other bricks. */
  ownWishes(): (PeerLimit & { pv: string })[] {
    return [...this.#states.values()].flatMap((state): (PeerLimit & { pv: string })[] => {
      const wish = ownWish(state);
      if (wish === undefined) return [];
      const claim = ownClaim(recordOf(state), state.wishes);
      return [claim === undefined ? { pv: state.pv, ...wish } : { pv: state.pv, ...wish, claim }];
    });
  }

  /** PVs whose limit is in force in the running brick. */
  limitedTargets(): readonly LimitedPv[] {
    return this.#list('limited', limitedPv);
  }

  /** Of those, the ones of which neither a fresh audit nor an empty start says that all below them is counted. */
  unprovenPvs(): readonly string[] {
    const now = this.#options.clock.now();
    let until = Number.POSITIVE_INFINITY;
    return this.#list(
      'unproven',
      (state) => {
        if (limitedGfid(state) === undefined) return undefined;
        const { pv, audit, namespaceMade } = state;
        if (audit === undefined) return namespaceMade === 'Empty' ? undefined : pv;
        if (audit.wrong > 0 || now > audit.validUntil) return pv;
        until = Math.min(until, audit.validUntil);
        return undefined;
      },
      () => until,
    );
  }

  /** Results of an audit of the connected brick process, by gfid of the PV's directory. */
  takeAudits(results: ReadonlyMap<Gfid, PvAudit>): void {
    const { layout, clock } = this.#options;
    this.#lists.clear();
    for (const state of this.#states.values()) {
      if (state.live.kind !== 'result' || state.live.result.kind !== 'settled') continue;
      const audit = results.get(state.live.result.gfid);
      if (audit === undefined) continue;
      state.audit = audit;
      judge(state, layout, clock.now());
    }
  }

  /** PVs whose usage can be measured here. */
  readonly scanTargets: Targets<ScanTarget> = this.#targets('scan', (state) => {
    const { pv, path, scan } = state;
    const result = foundLive(state);
    const gfid = result?.statfs.simpleQuota === true ? result.gfid : undefined;
    return { pv, path, gfid, isShort: showsLess(state), last: scan };
  });

  takeScan({ pv, path }: ScanTarget, scan: UsageScan): void {
    const state = this.#states.get(pv);
    if (state?.path !== path) return;
    this.#lists.clear();
    state.scan = scan;
    judge(state, this.#options.layout, this.#options.clock.now());
  }

  /** PVs whose limit is live, with how many of their files and directories the last audit found outside. */
  adoptionTargets(): readonly AdoptionTarget[] {
    return this.#list('adoption', (state) => {
      const { pv, path, backend, audit } = state;
      const gfid = limitedGfid(state);
      if (gfid === undefined) return undefined;
      const begun = backend.kind === 'present' && backend.quota.adopting;
      return { pv, path, gfid, begun, wrong: audit?.wrong ?? 0, isNested: audit?.nested !== undefined };
    });
  }

  /** PVs whose counter can be set right here. */
  readonly repairTargets: Targets<RepairTarget> = this.#targets('limited', limitedPv);

  /** Directories whose metadata heal goes round, by path, with the copy that it is for. */
  takeHealLoops(sinks: ReadonlyMap<string, string>): void {
    for (const state of this.#states.values()) {
      const sink = sinks.get(state.path);
      if (sink === state.healLoopSink) continue;
      state.healLoopSink = sink;
      judge(state, this.#options.layout, this.#options.clock.now());
    }
  }

  /** The namespace of a PV's directory is taken off the disk, for a heal to set it again. */
  leaveToHeal(path: string): void {
    this.#reconciler.leaveToHeal(path);
  }

  /** PVs for which the running brick shows no limit any more: the next pass brings it back. */
  doubt(pvs: readonly string[]): void {
    const { layout, clock } = this.#options;
    for (const pv of pvs) {
      const state = this.#states.get(pv);
      if (state?.live.kind !== 'result') continue;
      this.#lists.clear();
      state.live = { kind: 'unknown', reason: 'LimitNotShown', message: 'the brick does not show the limit any more' };
      judge(state, layout, clock.now());
    }
  }

  takeRepair(pv: string, repair: RepairView): void {
    const state = this.#states.get(pv);
    if (state !== undefined) state.repair = repair;
  }

  /** What is made of some of the states; none on an arbiter, whose files are empty and whose counters mean nothing. */
  #targets<T>(name: string, of: (state: PvState) => T | undefined): Targets<T> {
    const counts = (): boolean => !this.#options.layout.isArbiter;
    return {
      all: () => (counts() ? this.#list(name, of) : []),
      get: (pv) => {
        const state = counts() ? this.#states.get(pv) : undefined;
        return state === undefined ? undefined : of(state);
      },
    };
  }

  /**
   * The same list again while nothing has changed: to make those of 1,000 PVs anew every 2 s is half of what a quiet agent does.
   *
   * @param until wall-clock milliseconds up to which it holds
   */
  #list<T>(
    name: string,
    of: (state: PvState) => T | undefined,
    until = (): number => Number.POSITIVE_INFINITY,
  ): readonly T[] {
    const known = this.#lists.get(name);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name has one kind of list
    if (known !== undefined && this.#options.clock.now() <= known.until) return known.list as readonly T[];
    const list = [...this.#states.values()].flatMap((state) => of(state) ?? []);
    if (this.#changing === 0) this.#lists.set(name, { list, until: until() });
    return list;
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return await this.#mutex.run(async () => await this.#change(work));
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    this.#changing += 1;
    this.#lists.clear();
    try {
      return await work();
    } finally {
      this.#changing -= 1;
      this.#lists.clear();
    }
  }

  /** One pass over the brick. @throws AgentError when the backend as a whole does not answer */
  async pass(signal: AbortSignal): Promise<void> {
    await this.#mutex.run(async () => await this.#pass(signal));
  }

  /**
   * Sets a PV's limit, in bytes of the volume, and brings it in force as far as that is possible now; the view tells how far.
   *
   * @param claim that the PV is of; undefined: as it was told before, null: none any more
   * @throws AgentError `NotFound`, `BrickFenced`, `BrickHung`, `BrickIo`
   */
  async setLimit(
    pv: string,
    { limitBytes, claim }: { limitBytes: bigint; claim?: PvClaim | null | undefined },
    signal: AbortSignal,
  ): Promise<{ view: QuotaView; created: boolean }> {
    return await this.#exclusive(async () => {
      const state = await this.#requireState(pv, signal);
      const created = state.desired.source !== 'Api';
      const told = claim === undefined ? await this.#recordedClaim(state, signal) : (claim ?? undefined);
      await this.#writeRecord(state, { kind: 'limit', limitBytes, claim: told }, signal);
      await this.#reconciler.reconcile([state], signal);
      return { view: this.#viewOf(state), created };
    });
  }

  /**
   * Takes back what the API has set. Kadalu's wish, where there is one, counts again; else the limit is removed from disk and
   * lifted in the running brick. Removing what is not there is fine.
   *
   * @throws AgentError as `setLimit`
   */
  async removeLimit(pv: string, signal: AbortSignal): Promise<QuotaView> {
    return await this.#exclusive(async () => {
      const state = await this.#requireState(pv, signal);
      const { fileBytes, kadaluBytes, peer } = state.wishes;
      // A peer's API may be asked the same right now: then all must remember that the limit is to go, not adopt it from the disk.
      const isPeerSure = peer?.source === 'File' || peer?.source === 'Kadalu';
      const isWanted = fileBytes !== undefined || kadaluBytes !== undefined || isPeerSure;
      await this.#writeRecord(state, isWanted ? undefined : { kind: 'removed' }, signal);
      await this.#reconciler.reconcile([state], signal);
      return this.#viewOf(state);
    });
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const fence = this.#options.fence();
    if (!fence.open) {
      this.#markUnknown({ kind: 'unknown', reason: 'BrickFenced', message: fence.reason }, 'both');
      return;
    }
    let stock: Stock;
    try {
      stock = await this.#takeStock(signal);
    } catch (error) {
      const view: UnknownView = { kind: 'unknown', reason: 'BackendUnknown', message: errorMessage(error) };
      if (!signal.aborted) this.#markUnknown(view, 'both');
      throw error;
    }
    this.#takeInventory(stock);
    const { clock, verifyIntervalMs, brick } = this.#options;
    const { generation } = brick;
    const isOther = generation !== this.#checkedGeneration;
    const everything = isOther || clock.monotonic() - this.#verifiedAt >= verifyIntervalMs;
    if (generation !== this.#seenGeneration) this.#forgetLive();
    if (!brick.isUp) this.#markUnknown(BRICK_DOWN, 'live');
    let due: readonly PvState[];
    if (isOther) due = [...this.#states.values()];
    else if (everything) due = await this.#verify(signal);
    else due = this.#list('unsettled', (state) => (isSettled(state) ? undefined : state));
    if (due.length > 0) await this.#change(async () => await this.#reconciler.reconcile(due, signal));
    if (everything) {
      this.#verifiedAt = clock.monotonic();
      this.#checkedGeneration = generation;
    }
    this.#firstPassDone = true;
  }

  /**
   * Asks of every PV only what can have changed: its directory's attributes where they were touched, the brick's count and limit where anything was
   * written or a directory touched, and all of it now and then.
   *
   * @returns those that are to be read back as a whole
   */
  async #verify(signal: AbortSignal): Promise<PvState[]> {
    const { backend, growth, clock, layout } = this.#options;
    const states = [...this.#states.values()];
    const touched = new Set(
      await backend.touched(
        states.map(({ path }) => path),
        signal,
      ),
    );
    const mark = await growth?.(signal);
    const now = clock.monotonic();
    const due: PvState[] = [];
    const look: PvState[] = [];
    for (const [index, state] of states.entries()) {
      if (touched.has(index) || now >= state.believedUntil || !isBelievable(state)) due.push(state);
      else if (foundLive(state)?.statfs.simpleQuota === true && !isQuietSince(mark, state.askedAt)) look.push(state);
      // Only the time has passed.
      else if (state.audit !== undefined && clock.now() > state.audit.validUntil) judge(state, layout, clock.now());
    }
    if (look.length > 0) due.push(...(await this.#change(async () => await this.#reconciler.look(look, signal))));
    return due;
  }

  async #takeStock(signal: AbortSignal): Promise<Stock> {
    const [inventory, wanted] = await Promise.all([this.#options.backend.inventory(signal), this.#readFile(signal)]);
    return { inventory, ...wanted };
  }

  /** Entries of a file that has changed are sorted while the brick's thread looks for the PVs. */
  async #readFile(signal: AbortSignal): Promise<Omit<Stock, 'inventory'>> {
    const file = await this.#options.quotaFile?.read(signal);
    return file === this.#stock?.file ? { file } : { file, fileWishes: new FileWishes(file) };
  }

  #takeInventory(stock: Stock): void {
    const { inventory, file } = stock;
    const { quotaFile, peerWish } = this.#options;
    const error = quotaFile?.error;
    // Ports give the same object again while nothing has changed; what peers want has no such sign.
    const isSame = this.#stock?.inventory === inventory && this.#stock.file === file && this.#stock.error === error;
    if (isSame && peerWish === undefined) return;
    this.#stock = { inventory, file, error };
    const fileWishes = stock.fileWishes ?? new FileWishes(file);
    const states = new Map<string, PvState>();
    /** Those of the PV before: the same is often wanted of many. */
    let last: Wishes | undefined;
    /** Of a PV that nothing is known of; the same is said of all that are new. */
    let unlooked: PvState['conditions'] | undefined;
    for (const place of inventory.places) {
      const peer = peerWish?.(place.pv);
      const entry = fileWishes.take(place);
      const own: Wishes = {
        fileBytes: entry?.limitBytes,
        softRatio: entry?.softRatio,
        kadaluBytes: place.kadaluBytes,
        peer,
      };
      if (entry?.claim !== undefined) own.fileClaim = entry.claim;
      const wishes = last !== undefined && isSameWish(last, own) ? last : own;
      last = wishes;
      const known = this.#states.get(place.pv);
      const state = known?.path === place.path ? known : new PvState(place, wishes);
      if (state !== known) {
        this.#lists.clear();
        if (!this.#options.brick.isUp) state.live = BRICK_DOWN;
      } else if (!isSameWish(state.wishes, wishes)) {
        this.#lists.clear();
        state.wishes = wishes;
        unsettle(state);
      }
      // A PV is never shown without conditions: what is not looked at yet is Unknown.
      if (state.conditions.length === 0) {
        if (unlooked === undefined) judge(state, this.#options.layout, this.#options.clock.now());
        else state.conditions = unlooked;
        unlooked = state.conditions;
      }
      states.set(place.pv, state);
    }
    for (const [pv, state] of this.#states) {
      if (states.get(pv) === state) continue;
      this.#reconciler.forget(state.path);
      this.#lists.clear();
    }
    this.#states = states;
    this.#takeRefusals([
      ...inventory.refusals,
      ...fileWishes.refusals(),
      ...(error === undefined ? [] : [{ file: 'quotaFile', reason: `${error}: the last good one stays in force` }]),
    ]);
  }

  /** A refused entry is logged when it appears, not at every pass. */
  #takeRefusals(refusals: Refusal[]): void {
    const known = new Set(this.#refusals.map((refusal) => `${refusal.file}\n${refusal.reason}`));
    for (const refusal of refusals) {
      if (!known.has(`${refusal.file}\n${refusal.reason}`)) {
        this.#options.log.warn({ file: refusal.file, reason: refusal.reason }, 'quota entry refused');
      }
    }
    this.#refusals = refusals;
  }

  #forgetLive(): void {
    const { generation } = this.#options.brick;
    this.#seenGeneration = generation;
    this.#lists.clear();
    for (const state of this.#states.values()) {
      state.namespaceMade = undefined;
      state.audit = undefined;
      if (state.scan !== undefined && state.scan.brickGeneration !== generation) state.scan = forgetCounter(state.scan);
    }
  }

  /** Of all PVs, what the running brick says, or the disk as well. It is told in each pass, and news the first time only. */
  #markUnknown(view: UnknownView, what: 'live' | 'both'): void {
    const { layout, clock } = this.#options;
    for (const state of this.#states.values()) {
      if (isSameView(state.live, view) && (what === 'live' || isSameView(state.backend, view))) continue;
      this.#lists.clear();
      state.live = view;
      if (what === 'both') state.backend = view;
      judge(state, layout, clock.now());
    }
  }

  async #requireState(pv: string, signal: AbortSignal): Promise<PvState> {
    const fence = this.#options.fence();
    if (!fence.open) throw new AgentError('BrickFenced', `the brick is fenced: ${fence.reason}`);
    if (!this.#states.has(pv)) this.#takeInventory(await this.#takeStock(signal));
    const state = this.#states.get(pv);
    if (state === undefined) {
      throw new AgentError('NotFound', `no PV "${pv}" on this brick: there is no directory subvol/xx/yy/${pv}`);
    }
    return state;
  }

  /** As the disk has it: what is kept of it here may be older. */
  async #recordedClaim({ path }: PvState, signal: AbortSignal): Promise<PvClaim | undefined> {
    const [read] = await this.#options.backend.read([path], signal);
    if (read?.kind === 'failed') throw new AgentError('BrickIo', `the quota record was not read: ${read.message}`);
    return read?.kind === 'present' ? recordedClaim(read.quota.record) : undefined;
  }

  async #writeRecord(state: PvState, record: QuotaRecord | undefined, signal: AbortSignal): Promise<void> {
    const text = record === undefined ? null : encodeRecord(record);
    const [written] = await this.#options.backend.write([{ path: state.path, record: text }], signal);
    if (written?.kind !== 'written') {
      throw new AgentError('BrickIo', `${state.path}: the quota record was not written: ${written?.message}`);
    }
  }
}

function ownWish({ desired, wishes }: PvState): PeerLimit | undefined {
  const { fileBytes, kadaluBytes } = wishes;
  if (desired.source === 'Api' && desired.limitBytes !== undefined) {
    return { source: 'Api', limitBytes: desired.limitBytes };
  }
  if (fileBytes !== undefined) return { source: 'File', limitBytes: fileBytes };
  return kadaluBytes === undefined ? undefined : { source: 'Kadalu', limitBytes: kadaluBytes };
}

/** A PV whose limit is in force in the running brick, for all who work on such. */
export type LimitedPv = GuardTarget & AuditTarget & RepairTarget;

function limitedPv(state: PvState): LimitedPv | undefined {
  const { pv, path, desired, scan } = state;
  const gfid = limitedGfid(state);
  return gfid === undefined || desired.limitBytes === undefined
    ? undefined
    : { pv, path, gfid, limitBytes: desired.limitBytes, scan };
}

/** Undefined where no limit is in force. */
function limitedGfid({ live, desired }: PvState): Gfid | undefined {
  if (desired.limitBytes === undefined || live.kind !== 'result' || live.result.kind !== 'settled') return undefined;
  return live.result.gfid;
}

/** Whether it stays as it is until something is done to it: all that is wanted is there, or nothing is wanted and nothing there. */
function isBelievable(state: PvState): boolean {
  if (!isSettled(state)) return false;
  const { live, desired } = state;
  // A brick that is down is another one when it is back; an older one has no limits.
  if (live.kind !== 'result') return true;
  return live.result.kind === 'settled' && (desired.limitBytes !== undefined) === live.result.statfs.simpleQuota;
}

const BRICK_DOWN: UnknownView = {
  kind: 'unknown',
  reason: 'BrickDown',
  message: 'no connection to the brick process',
};

function isSameView(view: LiveView | BackendView, { reason, message }: UnknownView): boolean {
  return view.kind === 'unknown' && view.reason === reason && view.message === message;
}

/** What there is, and what the quota file wants. */
interface Stock {
  inventory: Inventory;
  file: QuotaFileContent | undefined;
  /** Of the file, where it is another than before. */
  fileWishes?: FileWishes;
}

function isSameWish(a: Wishes, b: Wishes): boolean {
  return (
    a.fileBytes === b.fileBytes &&
    a.kadaluBytes === b.kadaluBytes &&
    a.softRatio === b.softRatio &&
    isSameClaim(a.fileClaim, b.fileClaim) &&
    isSameClaim(peerClaim(a), peerClaim(b)) &&
    a.peer?.source === b.peer?.source &&
    a.peer?.limitBytes === b.peer?.limitBytes
  );
}
