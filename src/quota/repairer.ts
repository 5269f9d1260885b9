import type { Clock } from '../lib/clock.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Log } from '../lib/log.ts';
import { mapPool } from '../lib/pool.ts';
import { formatBytes } from '../lib/units.ts';
import { CounterShifter, type CounterBrick } from './counter-shifter.ts';
import type { Fence, Targets } from './ports.ts';
import { correction, repairVerdict, type RepairVerdict } from './repair-verdict.ts';
import type { UsageScan } from './usage.ts';

export interface RepairTarget {
  pv: string;
  gfid: Gfid;
  scan: UsageScan | undefined;
}

export type RepairState = 'Confirming' | 'Waiting' | 'Refused' | 'Repaired' | 'Nothing' | 'Failed';

/** What became of a counter that was found wrong, or that somebody asked to be set right. */
export interface RepairView {
  state: RepairState;
  /** One word for programs. */
  reason: string;
  message: string;
  /** Wall-clock milliseconds. */
  at: number;
  /** Bytes that were added to the counter; undefined: it was not touched. */
  shiftedBytes: bigint | undefined;
  /** Somebody asked for it, and it is not done. */
  requested: boolean;
}

export interface RepairerOptions {
  brick: CounterBrick;
  fence: () => Fence;
  targets: Targets<RepairTarget>;
  take: (pv: string, view: RepairView) => void;
  scans: {
    /** @throws AgentError `NotFound`, `BrickFenced` */
    request: (pv: string) => void;
    isPending: (pv: string) => boolean;
    /** The last one was given up by request. */
    isCancelled: (pv: string) => boolean;
  };
  /** Bytes in files of the brick that are open and deleted. */
  heldBytes: (signal: AbortSignal) => Promise<bigint>;
  /** Why counters are better left alone now; undefined: nothing is being healed. */
  healing: () => string | undefined;
  /** Why it is refused on this brick for good; undefined: it is not. */
  refusal: string | undefined;
  /** Whether drift is repaired without being asked for. */
  automatic: boolean;
  clock: Clock;
  log: Log;
}

export interface RepairStats {
  raised: { times: number; bytes: bigint };
  lowered: { times: number; bytes: bigint };
  failures: number;
}

/** Scans in a row that may disagree before the next regular one is waited for. */
const MAX_SCANS = 4;
/** What stood in the way is looked at again after this, in milliseconds... */
const TRY_AGAIN_MS = 30_000;
/** ... or after so many times as long as the last scan took: a PV that is always written must not always be scanned. */
const SCAN_GAP = 20;
/** Look-ups of left helper files at the same time; half of what a server reads ahead per connection (64). */
const WIDTH = 32;
/** All PVs are looked at this often, in milliseconds; those with a new scan at once. */
const LOOK_MS = 1_500;

interface Memo {
  /** No helper file of an earlier life can be left. */
  swept: boolean;
  /** Of the last scan that was judged. */
  judgedAt: number;
  /** Drift of a quiet scan that waits for another to say the same. */
  first: { driftBytes: bigint; generation: number } | undefined;
  /** Scans that were asked for since the last result. */
  asked: number;
  requested: boolean;
  /** Something stands in the way that may be gone later: monotonic milliseconds of the next try. */
  tryAt: number | undefined;
  /** Last connection in which the counter was found right: after a new process any drift is worth repairing. */
  cleanIn: number;
}

/**
 * Sets the counters of the running brick right where scans say that they are wrong: two quiet scans in a row that find the same
 * difference, then a relative shift (counter-shift.ts), which a third scan looks at.
 */
export class CounterRepairer {
  readonly stats: RepairStats = {
    raised: { times: 0, bytes: 0n },
    lowered: { times: 0, bytes: 0n },
    failures: 0,
  };
  readonly #options: RepairerOptions;
  readonly #shifter: CounterShifter;
  readonly #memos = new Map<string, Memo>();
  /** PVs of which a scan has ended since the last pass. */
  readonly #news = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** As looked at last. */
  #all: readonly RepairTarget[] = [];

  constructor(options: RepairerOptions) {
    this.#options = options;
    this.#shifter = new CounterShifter(options.brick);
  }

  /** Sets a counter right as soon as that is possible, however small its drift. @throws AgentError `NotFound`, `NotSupported`, `BrickFenced` */
  request(pv: string): void {
    const { refusal, targets, scans } = this.#options;
    if (refusal !== undefined) throw new AgentError('NotSupported', refusal);
    const target = targets.get(pv);
    if (target === undefined) {
      throw new AgentError('NotFound', `no PV "${pv}" with a limit in force on this brick`);
    }
    scans.request(pv);
    const memo = this.#memo(pv);
    memo.requested = true;
    memo.tryAt = undefined;
    memo.first = undefined;
    memo.asked = 1;
    memo.judgedAt = target.scan?.at ?? 0;
    this.#say(pv, 'Confirming', 'Measuring', 'the PV is being measured');
  }

  /** A scan of the PV has ended: it is looked at in the next pass. */
  note(pv: string): void {
    this.#news.add(pv);
  }

  /** @throws AgentError `Aborted`, or as the brick's calls when it is gone */
  async pass(signal: AbortSignal): Promise<void> {
    const { brick, fence, targets, refusal, automatic } = this.#options;
    if (refusal !== undefined || !fence().open || !brick.isUp || brick.hasSimpleQuota !== true) return;
    const some = this.#turn(targets);
    await this.#sweep(some, signal);
    for (const target of some) {
      if (this.#isJudged(target)) continue;
      if (automatic || this.#memos.get(target.pv)?.requested === true) await this.#look(target, signal);
    }
  }

  /** All of them, or those with news. */
  #turn(targets: Targets<RepairTarget>): readonly RepairTarget[] {
    const now = this.#options.clock.monotonic();
    const news = [...this.#news];
    this.#news.clear();
    if (now - this.#lookedAt < LOOK_MS) return news.flatMap((pv) => targets.get(pv) ?? []);
    this.#lookedAt = now;
    const all = targets.all();
    if (all === this.#all) return all;
    this.#all = all;
    for (const pv of this.#memos.keys()) if (targets.get(pv) === undefined) this.#memos.delete(pv);
    return all;
  }

  /** A helper file has its name for a moment only; an agent that was killed in it has left one. */
  async #sweep(targets: readonly RepairTarget[], signal: AbortSignal): Promise<void> {
    const unswept = targets.filter(({ pv }) => this.#memos.get(pv)?.swept !== true);
    await mapPool(unswept, WIDTH, async ({ pv, gfid }) => {
      const found = await this.#options.brick.sweepHelper(gfid, signal);
      if (found) this.#options.log.warn({ pv, audit: true }, 'removed a helper file that a killed agent had left');
      this.#memo(pv).swept = true;
    });
  }

  /** With 1,000 of them, to begin a look at each is the work of a pass in which there is nothing to do. */
  #isJudged({ pv, scan }: RepairTarget): boolean {
    const memo = this.#memos.get(pv);
    if (memo === undefined) return false;
    return (scan === undefined || scan.at === memo.judgedAt) && memo.tryAt === undefined && memo.asked === 0;
  }

  async #look(target: RepairTarget, signal: AbortSignal): Promise<void> {
    const { brick, scans } = this.#options;
    const { pv, scan } = target;
    const memo = this.#memo(pv);
    if (scan === undefined || scan.at === memo.judgedAt) {
      if (scans.isCancelled(pv)) this.#giveUp(pv, memo);
      this.#tryAgain(pv, memo);
      if (memo.asked > 0 && !scans.isPending(pv)) this.#end(pv, 'Failed', 'ScanFailed', 'the PV could not be scanned');
      return;
    }
    if (scans.isPending(pv)) return;
    memo.tryAt = undefined;
    const isNewProcess = memo.cleanIn !== brick.generation;
    const verdict = repairVerdict(scan, brick.generation, memo.requested || isNewProcess || memo.first !== undefined);
    const { first } = memo;
    if (
      verdict.kind === 'Drifted' &&
      first?.driftBytes === verdict.driftBytes &&
      first.generation === brick.generation
    ) {
      await this.#repair(target, verdict.driftBytes, signal);
      return;
    }
    memo.judgedAt = scan.at;
    if (verdict.kind === 'Clean') {
      memo.cleanIn = brick.generation;
      if (memo.requested || memo.first !== undefined) this.#end(pv, 'Nothing', 'AsMeasured', 'the counter is right');
      return;
    }
    memo.first =
      verdict.kind === 'Drifted' ? { driftBytes: verdict.driftBytes, generation: brick.generation } : undefined;
    if (verdict.kind === 'Drifted' || memo.requested) this.#scanAgain(target, memo, verdict);
    else if (verdict.certain) this.#wait(pv, verdict.reason, verdict.message, pauseAfter(scan));
  }

  /** Somebody does not want it scanned: nor is it by another try. */
  #giveUp(pv: string, memo: Memo): void {
    memo.tryAt = undefined;
    if (memo.asked > 0) this.#end(pv, 'Failed', 'ScanCancelled', 'the scan that it needs was cancelled');
  }

  #tryAgain(pv: string, memo: Memo): void {
    const { clock, healing, scans } = this.#options;
    if (memo.tryAt === undefined || clock.monotonic() < memo.tryAt || healing() !== undefined) return;
    memo.tryAt = undefined;
    memo.asked = 1;
    scans.request(pv);
    this.#say(pv, 'Confirming', 'Measuring', 'the PV is measured again');
  }

  #scanAgain({ pv, scan }: RepairTarget, memo: Memo, verdict: Exclude<RepairVerdict, { kind: 'Clean' }>): void {
    const healing = this.#options.healing();
    if (healing !== undefined) {
      this.#wait(pv, 'HealPending', healing, 0);
    } else if (memo.asked >= MAX_SCANS) {
      const unsteady = { reason: 'Unsteady', message: 'scans in a row found different drifts' };
      const { reason, message } = verdict.kind === 'Unclear' ? verdict : unsteady;
      this.#wait(pv, reason, message, pauseAfter(scan));
    } else {
      memo.asked += 1;
      this.#options.scans.request(pv);
      const found = verdict.kind === 'Drifted' ? `a drift of ${verdict.driftBytes} bytes was found; ` : '';
      this.#say(pv, 'Confirming', 'Measuring', `${found}the PV is measured again`);
    }
  }

  async #repair({ pv, gfid, scan }: RepairTarget, driftBytes: bigint, signal: AbortSignal): Promise<void> {
    const { healing, heldBytes, log, scans } = this.#options;
    const memo = this.#memo(pv);
    memo.judgedAt = scan?.at ?? 0;
    const why = healing();
    if (why !== undefined) return this.#wait(pv, 'HealPending', why, 0);
    try {
      const held = await heldBytes(signal);
      const delta = correction(driftBytes, held);
      if (delta === 0n) {
        const message = `files that are open and deleted hold ${formatBytes(held)}, which may be what is counted too much`;
        return this.#wait(pv, 'OpenDeletedFiles', message, TRY_AGAIN_MS);
      }
      await this.#shifter.shift(gfid, delta, signal);
      const size = delta < 0n ? -delta : delta;
      const stats = delta < 0n ? this.stats.lowered : this.stats.raised;
      stats.times += 1;
      stats.bytes += size;
      const done = `${delta < 0n ? 'lowered' : 'raised'} by ${formatBytes(size)}`;
      log.info({ pv, audit: true, shiftedBytes: String(delta) }, `the brick's counter was set right: ${done}`);
      this.#end(pv, 'Repaired', 'CounterShifted', `the brick's counter was ${done}`, delta);
      // For the condition: it must not go on telling of a drift that is gone.
      scans.request(pv);
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      this.stats.failures += 1;
      const refused = isAgentError(error, 'NotSupported');
      log.warn({ pv, err: error }, "the brick's counter was not set right");
      this.#end(pv, refused ? 'Refused' : 'Failed', refused ? 'SelfTestFailed' : 'BrickError', errorMessage(error));
    }
  }

  #wait(pv: string, reason: string, message: string, ms: number): void {
    this.#end(pv, 'Waiting', reason, message);
    this.#memo(pv).tryAt = this.#options.clock.monotonic() + ms;
  }

  #memo(pv: string): Memo {
    let memo = this.#memos.get(pv);
    if (memo === undefined) {
      memo = { swept: false, judgedAt: 0, first: undefined, asked: 0, requested: false, tryAt: undefined, cleanIn: -1 };
      this.#memos.set(pv, memo);
    }
    return memo;
  }

  #end(pv: string, state: RepairState, reason: string, message: string, shiftedBytes?: bigint): void {
    const memo = this.#memo(pv);
    memo.first = undefined;
    memo.asked = 0;
    memo.requested = false;
    this.#say(pv, state, reason, message, shiftedBytes);
  }

  #say(pv: string, state: RepairState, reason: string, message: string, shiftedBytes?: bigint): void {
    const { requested } = this.#memo(pv);
    this.#options.take(pv, { state, reason, message, at: this.#options.clock.now(), shiftedBytes, requested });
  }
}

function pauseAfter(scan: UsageScan | undefined): number {
  return Math.max(TRY_AGAIN_MS, SCAN_GAP * (scan?.durationMs ?? 0));
}
