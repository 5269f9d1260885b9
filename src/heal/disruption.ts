/**
 * May this brick be stopped now? Pure: what every agent of the set says of its brick goes in, a verdict with its reasons comes
 * out. Safe is said only when all is known and all is well: the others go on without this brick, and none of them needs it to
 * be healed from.
 *
 * It holds for the moment. Two bricks that are asked at the same time are both safe, which is what claims are for: a brick that
 * is about to stop says so to the others before it asks them.
 */
import { formatDuration } from '../lib/units.ts';
import type { BacklogState } from './backlog.ts';
import { brickSetOf, hasQuorum, type VolumeShape } from './brick-set.ts';
import { EMPTY_REMEDY, restoreCommand } from './wiped-brick.ts';

/**
 * Clients come back to a brick within 3 to 4 s of its start (measured on 10.3); before that they know of one brick less than the
 * agents do. In milliseconds.
 */
export const SETTLE_MS = 15_000;

/** What an agent says of its own brick. */
export interface BrickReport {
  brickIndex: number;
  /** Why the brick does not serve; undefined: it does. */
  notServing: string | undefined;
  /** Since when it has served without a break, in milliseconds. */
  servingForMs: number;
  backlog: {
    state: BacklogState;
    /** One sentence. */
    message: string;
    /** Objects that others missed and that this brick has; undefined: not known. */
    pending: number | undefined;
    /** The brick holds nothing of any client; undefined: not known. */
    isEmpty: boolean | undefined;
  };
  /** Whom its objects blame, by the name behind `trusted.afr.`; of the first of them only. */
  blames: readonly string[];
  /** It is about to be stopped itself. */
  isStopping: boolean;
}

/** One of the addresses that were asked. */
export interface PeerAnswer {
  address: string;
  answer: BrickReport | { error: string };
}

export interface DisruptionFacts {
  shape: VolumeShape;
  own: BrickReport;
  /** Under which name others blame this brick; undefined with disperse. */
  ownName: string | undefined;
  /** Undefined: no peers are configured. Bricks of other sets may be among them. */
  peers: readonly PeerAnswer[] | undefined;
}

export type DisruptionCode =
  /** The volume keeps one copy. */
  | 'SingleCopy'
  | 'SetUnknown'
  | 'PeersNotConfigured'
  | 'PeerSilent'
  | 'PeerTwice'
  | 'PeerDown'
  | 'PeerStarting'
  | 'PeerStopping'
  | 'QuorumLost'
  /** This brick has what another one misses. */
  | 'OwnBacklog'
  | 'OwnBacklogUnknown'
  | 'OwnBrickEmpty'
  /** Another brick heals a third one, or this one. */
  | 'PeerBacklog'
  | 'PeerBacklogUnknown'
  | 'PeerBrickEmpty';

/** What no wait changes, only somebody who configures or builds something else. */
export const LASTING: ReadonlySet<DisruptionCode> = new Set(['SingleCopy', 'SetUnknown', 'PeersNotConfigured']);

export interface DisruptionReason {
  code: DisruptionCode;
  /** `Unknown` where more knowledge could still make it safe. */
  verdict: 'Unsafe' | 'Unknown';
  /** The brick that it is about; undefined: the set. */
  brickIndex: number | undefined;
  /** One sentence. */
  message: string;
  remedy: string;
}

export interface Disruption {
  verdict: 'Safe' | 'Unsafe' | 'Unknown';
  /** Empty when it is safe; what makes it unsafe first. */
  reasons: DisruptionReason[];
  /** What each brick of the set says, as far as it is known, this one first. */
  bricks: readonly BrickReport[];
}

export function judgeDisruption(facts: DisruptionFacts): Disruption {
  const { shape, own, peers } = facts;
  if (shape.volumeType === 'Replica1') return verdictOf([SINGLE_COPY], [own]);
  const set = brickSetOf(shape);
  if (set === undefined) return verdictOf([SET_UNKNOWN], [own]);
  const reasons = ownReasons(own);
  if (peers === undefined) return verdictOf([...reasons, NO_PEERS], [own]);
  const others = set.members.filter((index) => index !== shape.brickIndex);
  const reports: BrickReport[] = [];
  const maybeUp = new Set<number>();
  for (const index of others) {
    const found = peers.flatMap(({ answer }) => ('error' in answer || answer.brickIndex !== index ? [] : [answer]));
    const [report] = found;
    reports.push(...found);
    if (report === undefined) reasons.push(silent(index, peers));
    else if (found.length > 1) reasons.push(twice(index));
    else reasons.push(...peerReasons(report, facts));
    if (found.length !== 1 || report?.notServing === undefined) maybeUp.add(index);
  }
  if (!hasQuorum(shape, set, maybeUp)) reasons.push(QUORUM_LOST);
  const all = [own, ...reports];
  // Of a volume without data every brick is empty, and nothing can be lost. One empty brick among others has lost its data.
  if (reports.length === others.length && all.every(({ backlog: { isEmpty, pending } }) => isEmpty && pending === 0)) {
    const isAboutEmpty = ({ code }: DisruptionReason): boolean => code === 'OwnBrickEmpty' || code === 'PeerBrickEmpty';
    return verdictOf(
      reasons.filter((reason) => !isAboutEmpty(reason)),
      all,
    );
  }
  return verdictOf(reasons, all);
}

function verdictOf(reasons: readonly DisruptionReason[], bricks: readonly BrickReport[]): Disruption {
  const isUnsafe = reasons.some(({ verdict }) => verdict === 'Unsafe');
  const verdict = reasons.length === 0 ? 'Safe' : isUnsafe ? 'Unsafe' : 'Unknown';
  return {
    verdict,
    reasons: reasons.toSorted((a, b) => Number(a.verdict === 'Unknown') - Number(b.verdict === 'Unknown')),
    bricks,
  };
}

function ownReasons({ brickIndex, backlog }: BrickReport): DisruptionReason[] {
  const { state, pending, isEmpty, message } = backlog;
  if (pending !== undefined && pending > 0) {
    return [
      {
        code: 'OwnBacklog',
        verdict: 'Unsafe',
        brickIndex,
        message: `other bricks are still healed from this one: ${message}`,
        remedy: 'brick-agent heal start, and wait; brick-agent heal explain says what holds it up',
      },
    ];
  }
  if (isEmpty === true) {
    return [
      {
        code: 'OwnBrickEmpty',
        verdict: 'Unknown',
        brickIndex,
        message: 'this brick is empty, as a brick is that has lost its data',
        remedy: EMPTY_REMEDY,
      },
    ];
  }
  if (state === 'Complete' && pending === 0 && isEmpty === false) return [];
  return [
    {
      code: 'OwnBacklogUnknown',
      verdict: 'Unknown',
      brickIndex,
      message: `whether other bricks need this one is not known: ${message}`,
      remedy: 'brick-agent heal status and status say why',
    },
  ];
}

function peerReasons(report: BrickReport, { ownName }: DisruptionFacts): DisruptionReason[] {
  const { brickIndex, notServing, servingForMs, backlog, blames, isStopping } = report;
  const brick = `brick ${brickIndex}`;
  const reasons: DisruptionReason[] = [];
  const unsafe = (code: DisruptionCode, message: string, remedy: string): void =>
    void reasons.push({ code, verdict: 'Unsafe', brickIndex, message, remedy });
  if (notServing !== undefined) {
    unsafe('PeerDown', `${brick} does not serve: ${notServing}`, `start ${brick}, and let it heal`);
  } else if (servingForMs < SETTLE_MS) {
    const message = `${brick} serves for ${formatDuration(servingForMs)} only; clients may not be back`;
    unsafe('PeerStarting', message, `wait ${formatDuration(SETTLE_MS - servingForMs)}`);
  }
  if (isStopping) unsafe('PeerStopping', `${brick} is about to be stopped`, 'wait until it is back and healed');
  if (backlog.pending !== undefined && backlog.pending > 0) {
    const names = blames.map((name) => (name === ownName ? `${name} (this brick)` : name)).join(', ');
    const to = names === '' ? '' : ` to ${names}`;
    unsafe(
      'PeerBacklog',
      `${brick} still has to heal${to}: ${backlog.message}`,
      'brick-agent heal start in its pod, and wait; brick-agent heal explain there says what holds it up',
    );
  } else if (backlog.isEmpty === true) {
    const message = `${brick} is empty while others are not: it has lost its data, and nothing says so but this`;
    unsafe('PeerBrickEmpty', message, restoreCommand(brickIndex));
  } else if (backlog.state !== 'Complete' || backlog.pending !== 0 || backlog.isEmpty !== false) {
    const message = `what ${brick} has to heal is not known: ${backlog.message}`;
    const remedy = 'brick-agent heal status in its pod';
    reasons.push({ code: 'PeerBacklogUnknown', verdict: 'Unknown', brickIndex, message, remedy });
  }
  return reasons;
}

function silent(brickIndex: number, peers: readonly PeerAnswer[]): DisruptionReason {
  const errors = peers.flatMap(({ address, answer }) => ('error' in answer ? [`${address}: ${answer.error}`] : []));
  const why = errors.length === 0 ? 'it is not among the peers' : errors.join('; ');
  return {
    code: 'PeerSilent',
    verdict: 'Unknown',
    brickIndex,
    message: `no agent answers for brick ${brickIndex} (${why})`,
    remedy: 'peers must name the agents of all bricks, and they must have our token',
  };
}

function twice(brickIndex: number): DisruptionReason {
  return {
    code: 'PeerTwice',
    verdict: 'Unknown',
    brickIndex,
    message: `several agents answer for brick ${brickIndex}`,
    remedy: 'give every agent its own brickIndex, and name each once in peers',
  };
}

const SINGLE_COPY: DisruptionReason = {
  code: 'SingleCopy',
  verdict: 'Unsafe',
  brickIndex: undefined,
  message: 'the volume keeps one copy: without this brick its files are not there',
  remedy: 'stop the clients first',
};
const SET_UNKNOWN: DisruptionReason = {
  code: 'SetUnknown',
  verdict: 'Unknown',
  brickIndex: undefined,
  message: 'which bricks are in one disperse set with this one is not known',
  remedy: 'set disperseRedundancy',
};
const NO_PEERS: DisruptionReason = {
  code: 'PeersNotConfigured',
  verdict: 'Unknown',
  brickIndex: undefined,
  message: 'the other bricks cannot be asked: no peers are configured',
  remedy: 'set peers and apiTokenFile',
};
const QUORUM_LOST: DisruptionReason = {
  code: 'QuorumLost',
  verdict: 'Unsafe',
  brickIndex: undefined,
  message: 'the bricks that are left are no quorum: clients could not write',
  remedy:
    'start the bricks of the set that are down; a set of two cannot go without its first brick (see clientQuorum)',
};
