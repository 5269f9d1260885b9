/**
 * Why something does not heal, as far as one brick and its self-heal daemon can tell, and what to do. Pure.
 *
 * What it cannot tell from here, it says: a split-brain shows only in the counters of all bricks, and why a write of the daemon
 * was refused (a full quota, a full disk) only on the brick that refused it.
 */
import { HALTS, type Halt } from '../process/halt.ts';
import type { BacklogView } from './backlog.ts';
import { childName } from './child-name.ts';
import type { ExplainedStatus } from './child-status.ts';
import type { PendingEntry } from './entry.ts';
import type { SplitKind } from './split-brain.ts';
import { obstaclesAmong, obstaclesOf, type ObstacleFacts } from './obstacle.ts';
import type { DaemonChild } from './ports.ts';
import { EMPTY_REMEDY } from './wiped-brick.ts';

export interface Finding {
  /** One CamelCase word for programs. */
  reason: string;
  severity: 'error' | 'warning' | 'info';
  message: string;
  /** What to do; undefined: nothing. */
  remedy: string | undefined;
  /** It is about the brick beside this agent. */
  isOwnBrick?: boolean;
}

/** It is not there, does nothing, or which process it is is not proven. */
export type DaemonTroubleKind = 'Down' | Halt | 'Unproven';

/** What is known; a member that is undefined is not. */
export interface HealSituation extends ObstacleFacts {
  /** Whether this pod has a self-heal daemon at all. */
  isDaemonExpected: boolean;
  /** Why the daemon's process is not there or not proven; undefined: it is. */
  daemonTrouble: { kind: DaemonTroubleKind; message: string } | undefined;
  /** Errors of the lint in the daemon's volfile. */
  volfileErrors: readonly { id: string; message: string; remedy: string }[];
  /** The bricks as the daemon is connected to them, or why it could not be asked. */
  children: readonly DaemonChild[] | { error: string } | undefined;
  /** What it said of them when it was last asked to heal. */
  lastAnswer: readonly ExplainedStatus[];
  backlog: BacklogView;
  /** Why this brick does not serve; undefined: it does. */
  notServing: string | undefined;
  /** The kinds of each object that is known to be in split-brain. */
  splitBrains: readonly (readonly SplitKind[])[];
  /** Bricks that have what this one missed, and what they say. */
  behind: readonly { brickIndex: number; message: string }[];
  /** Some of what waits. */
  sample: readonly PendingEntry[];
  /** This brick, as the set blames it, or its name in the volfile where nobody is blamed by name. */
  self: string | undefined;
}

/** The object that was asked for. */
export interface ExplainSubject {
  entry: PendingEntry;
  isWaiting: boolean;
  /** What the other bricks of the set say to it; undefined: they were not asked. */
  comparison?: Comparison | undefined;
  /** Names that bricks have not, and that nothing will make there. */
  nameGaps?: readonly NameGap[] | undefined;
}

export interface NameGap {
  /** As in the entries. */
  path: string;
  /** Bricks that have the object and not the name. */
  bricks: readonly number[];
}

export type Comparison =
  { kind: 'SplitBrain'; kinds: SplitKind[]; bricks: number[] } | { kind: 'None' } | { kind: 'Unknown'; why: string };

/** What stands in the way of any heal, and of this object's. The gravest first; never empty. */
export function explainHeal(situation: HealSituation, subject?: ExplainSubject): Finding[] {
  const findings = [
    ...ownFindings(situation),
    ...daemonFindings(situation),
    ...setFindings(situation),
    ...childFindings(situation, subject?.entry),
  ];
  if (subject === undefined) {
    findings.push(...splitBrainsFound(situation.splitBrains), ...obstaclesAmong(situation.sample, situation));
    findings.push(...backlogFindings(situation.backlog));
  } else {
    findings.push(...(subject.isWaiting ? entryFindings(subject, situation) : [notWaiting(subject.entry)]));
    findings.push(...(subject.nameGaps ?? []).map(nameMissing));
  }
  const isObstructed = findings.some(({ severity }) => severity !== 'info');
  if (!isObstructed && isPending(situation.backlog, subject)) {
    findings.push(WAITS, ...(subject?.comparison === undefined ? [SEEN_ELSEWHERE] : [REFUSED_ELSEWHERE]));
  }
  if (subject === undefined) findings.push(...situation.behind.map(behindOther));
  return findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function ownFindings({ notServing }: HealSituation): Finding[] {
  if (notServing === undefined) return [];
  return [
    {
      reason: 'BrickDown',
      severity: 'error',
      message: `this brick does not serve (${notServing}): it misses what is written now, and only the other bricks know what`,
      remedy:
        'start it; brick-agent doctor says more, and brick-agent heal list in the pods of the others what it missed',
    },
  ];
}

function behindOther({ brickIndex, message }: HealSituation['behind'][number]): Finding {
  return {
    reason: 'BehindOther',
    severity: 'warning',
    message: `this brick missed what brick ${brickIndex} has: there, ${message}`,
    remedy: 'brick-agent heal list and heal explain in its pod say what, and what holds it up',
  };
}

/** Too few bricks to compare with, or to make a file of. Other sets of the volume are healed, or not, apart. */
function setFindings({ children, self }: HealSituation): Finding[] {
  const known = children === undefined || 'error' in children ? [] : children;
  const own = known.find((child) => childName(child) === self);
  const set = known.filter(({ xlator }) => xlator === own?.xlator);
  const up = set.filter(({ isConnected }) => isConnected !== false).length;
  if (own?.needed === undefined || up >= own.needed) return [];
  return [
    {
      reason: 'TooFewBricks',
      severity: 'error',
      message: `the self-heal daemon reaches ${up} of the ${set.length} bricks of ${own.xlator}, and nothing heals there with fewer than ${own.needed}`,
      remedy: `start ${own.needed - up === 1 ? 'one' : own.needed - up} more of them at least`,
    },
  ];
}

function splitBrainsFound(splitBrains: HealSituation['splitBrains']): Finding[] {
  if (splitBrains.length === 0) return [];
  const isMerged = splitBrains.every((kinds) => kinds.every((kind) => kind === 'entry'));
  const what = splitBrains.length === 1 ? '1 object is' : `${splitBrains.length} objects are`;
  return [
    {
      reason: 'SplitBrain',
      severity: isMerged ? 'warning' : 'error',
      message: `${what} in split-brain, confirmed by all bricks of the set`,
      remedy: isMerged
        ? 'the daemon merges the names of directories: brick-agent heal start'
        : 'brick-agent heal split-brain shows the copies; brick-agent heal resolve ends it by policy (docs/heal.md)',
    },
  ];
}

const RANK = { error: 0, warning: 1, info: 2 };

const WAITS: Finding = {
  reason: 'WaitsForCrawl',
  severity: 'info',
  message:
    'nothing that this brick can see stands in the way; the self-heal daemon looks when a brick returns and every heal-timeout (600 s)',
  remedy: 'brick-agent heal start',
};

const SEEN_ELSEWHERE: Finding = {
  reason: 'SeenElsewhereOnly',
  severity: 'info',
  message:
    'if it stays: a split-brain shows only when the counters of all bricks are compared, and a write that is refused there ' +
    '(EDQUOT, ENOSPC) only in the log and the quota of the blamed brick',
  remedy: 'run brick-agent heal list and quota list in the pods of the other bricks',
};

/** The counters have been compared, or another finding says why not. */
const REFUSED_ELSEWHERE: Finding = {
  reason: 'SeenElsewhereOnly',
  severity: 'info',
  message:
    'if it stays: a write that the blamed brick refuses (EDQUOT, ENOSPC) shows only in the log and the quota of that brick',
  remedy: 'run brick-agent quota list in the pod of the blamed brick',
};

const DAEMON_REMEDIES: Record<DaemonTroubleKind, string | undefined> = {
  Down: 'start it; its log says why it ended',
  Stopped: HALTS.Stopped.remedy,
  Frozen: HALTS.Frozen.remedy,
  Unproven: undefined,
};

function daemonFindings({ isDaemonExpected, daemonTrouble, volfileErrors, children }: HealSituation): Finding[] {
  if (!isDaemonExpected) {
    const message = 'this pod has no self-heal daemon, so nothing is healed from this brick';
    return [{ reason: 'NoHealDaemon', severity: 'info', message, remedy: 'set shd to on if there should be one' }];
  }
  const findings: Finding[] = volfileErrors.map(({ id, message, remedy }) => ({
    reason: 'HealDaemonVolfile',
    severity: 'error',
    message: `${id}: ${message}`,
    remedy: `${remedy}, and restart the self-heal daemon`,
  }));
  if (daemonTrouble !== undefined) {
    const { kind, message } = daemonTrouble;
    const severity = kind === 'Unproven' ? 'warning' : 'error';
    findings.push({ reason: `HealDaemon${kind}`, severity, message, remedy: DAEMON_REMEDIES[kind] });
  } else if (children !== undefined && 'error' in children) {
    findings.push({
      reason: 'HealDaemonSilent',
      severity: 'warning',
      message: `the self-heal daemon does not say which bricks it reaches: ${children.error}`,
      remedy: 'a brick that is frozen keeps it waiting for up to 90 s: look at the other bricks',
    });
  }
  return findings;
}

function childFindings({ children, lastAnswer, self }: HealSituation, entry: PendingEntry | undefined): Finding[] {
  const findings: Finding[] = [];
  const known = children === undefined || 'error' in children ? [] : children;
  for (const { name, pendingName, isConnected, xlator } of known) {
    if (isConnected !== false) continue;
    const isBlamed = entry?.blames.some(({ child }) => child === pendingName) === true;
    // The daemon serves all sets of a distributed volume; this brick's objects are healed to and from its own alone.
    const isOther = self !== undefined && !known.some((other) => other.xlator === xlator && childName(other) === self);
    const isSelf = childName({ name, pendingName }) === self;
    findings.push({
      reason: isBlamed ? 'SinkDown' : 'BrickNotConnected',
      severity: isOther ? 'info' : entry === undefined || isBlamed ? 'error' : 'warning',
      message:
        `the self-heal daemon has no connection to ${name}${isSelf ? ' (this brick)' : ''} of ${xlator}` +
        (isOther ? ', another set: nothing of this brick waits for it' : isBlamed ? ', which missed the changes' : ''),
      remedy: 'start that brick, or check remote-host and remote-port of the volume in the volfile of the daemon',
      isOwnBrick: isSelf,
    });
  }
  for (const { xlator, child, status, explanation } of lastAnswer) {
    if (status !== 'Brick is remote') continue;
    const at = known.find((known) => known.xlator === xlator && known.child === child);
    if (at === undefined || childName(at) !== self) continue;
    findings.push({
      reason: 'BrickIsRemote',
      severity: 'error',
      message: `the self-heal daemon takes ${at.name}, the brick of its own pod, for another host's and heals nothing from it`,
      remedy: explanation,
    });
  }
  return findings;
}

function backlogFindings({ state, reason, message }: BacklogView): Finding[] {
  if (reason === 'BrickEmpty') {
    return [{ reason, severity: 'error', message, remedy: EMPTY_REMEDY }];
  }
  const severity = state === 'Stalled' ? 'error' : state === 'Unknown' ? 'warning' : 'info';
  return [{ reason, severity, message, remedy: undefined }];
}

function entryFindings({ entry, comparison }: ExplainSubject, facts: ObstacleFacts): Finding[] {
  const blamed = entry.blames.map(({ child }) => child).join(', ');
  const findings = obstaclesOf(entry, facts);
  if (comparison?.kind === 'SplitBrain') return [...findings, splitBrain(comparison.kinds)];
  if (comparison?.kind === 'None' && (entry.state === 'BlamesAll' || entry.state === 'BlamesItself')) {
    const message = 'the other bricks were asked: there is a copy that nobody blames, so this is no split-brain';
    return [...findings, { reason: 'NotSplitBrain', severity: 'info', message, remedy: 'brick-agent heal start' }];
  }
  const finding = ENTRY_FINDINGS[entry.state];
  if (finding !== undefined) findings.push(finding(entry, blamed));
  if (comparison?.kind === 'Unknown') findings.push(notCompared(entry, comparison.why));
  return findings;
}

/** A brick that blames one other is no sign of a split-brain, only no proof that there is none. */
function notCompared({ state }: PendingEntry, why: string): Finding {
  const isSuspect = state === 'BlamesAll' || state === 'BlamesItself';
  return {
    reason: 'SplitBrainUnknown',
    severity: isSuspect ? 'warning' : 'info',
    message: isSuspect
      ? `whether it is a split-brain is not known: ${why}`
      : `nothing points to a split-brain; that there is none is not proven: ${why}`,
    remedy: isSuspect ? 'all agents of the set must answer' : undefined,
  };
}

function splitBrain(kinds: readonly SplitKind[]): Finding {
  const isMismatch = kinds.includes('gfid') || kinds.includes('type');
  const isMerged = kinds.every((kind) => kind === 'entry');
  const [message, remedy] = isMismatch
    ? [
        'the bricks have different objects under its name',
        'decide which one is kept: brick-agent heal resolve shows what a policy would do (docs/heal.md)',
      ]
    : isMerged
      ? ['its bricks have different names and each is blamed', 'the daemon merges the names: brick-agent heal start']
      : [
          `every copy is blamed by another one for ${kinds.join(' and ')}`,
          'brick-agent heal split-brain shows the copies; brick-agent heal resolve ends it by policy (docs/heal.md)',
        ];
  return {
    reason: 'SplitBrain',
    severity: isMerged ? 'warning' : 'error',
    message: `split-brain, confirmed by all bricks of the set: ${message}`,
    remedy,
  };
}

const ENTRY_FINDINGS: Partial<Record<PendingEntry['state'], (entry: PendingEntry, blamed: string) => Finding>> = {
  Pending: ({ kinds, disperse }, blamed) => ({
    reason: 'Pending',
    severity: 'info',
    message:
      disperse === undefined
        ? `${blamed} missed changes of ${kinds.join(' and ')}`
        : `some fragment is behind in ${kinds.join(' and ')}; which one, only the versions on all bricks tell`,
    remedy: undefined,
  }),
  BlamesAll: ({ kinds }, blamed) => ({
    reason: 'SplitBrainLikely',
    severity: 'warning',
    message: `this brick blames every other one (${blamed}) for ${kinds.join(' and ')}; if one of them blames it too, it is a split-brain`,
    remedy: 'brick-agent heal explain in the pods of the others; if so, decide which copy to keep',
  }),
  BlamesItself: ({ kinds }) => ({
    reason: 'BlamesItself',
    severity: 'warning',
    message: `a transaction on this brick was cut off (${kinds.join(' and ')}); the others decide which copy is good`,
    remedy: 'brick-agent heal explain in the pods of the others',
  }),
  Dirty: () => ({
    reason: 'InFlight',
    severity: 'info',
    message:
      'it is being written, or was left by a client that died; the first ends by itself, the second with a crawl',
    remedy: undefined,
  }),
  Clean: () => ({
    reason: 'NothingPending',
    severity: 'info',
    message:
      'no counter says that anything is pending: it was healed a moment ago, or the next crawl removes the entry',
    remedy: undefined,
  }),
  Stale: () => ({
    reason: 'Stale',
    severity: 'info',
    message: 'this brick has no such object any more; the next crawl removes the entry',
    remedy: 'brick-agent heal start, if it bothers',
  }),
  Unresolved: () => ({
    reason: 'Unresolved',
    severity: 'warning',
    message: 'the handle of this directory leads nowhere, as after a rename that was cut off',
    remedy: 'look its name up through a mount; if it is on no other brick either, the handle can go',
  }),
  Unknown: () => ({
    reason: 'CountersUnreadable',
    severity: 'warning',
    message: 'its counters are not of the form that replicate writes',
    remedy: 'getfattr -d -m . -e hex on the backend shows them',
  }),
};

function nameMissing({ path, bricks }: NameGap): Finding {
  const which = `brick${bricks.length === 1 ? '' : 's'} ${bricks.join(', ')}`;
  return {
    reason: 'NameMissing',
    severity: 'warning',
    message: `${which} has the object and not its name ${path}, and nothing notes that: no crawl makes it there`,
    remedy: `look the name up through a mount that has not listed the directory, as with stat <mount>${path}`,
  };
}

function notWaiting({ state }: PendingEntry): Finding {
  const isKnown = state !== 'Stale';
  return {
    reason: isKnown ? 'NotWaiting' : 'NoSuchObject',
    severity: isKnown ? 'info' : 'warning',
    message: isKnown
      ? 'it waits for nothing as far as this brick knows; the bricks that were up while it changed know more'
      : 'this brick has no such object and no heal waits for it',
    remedy: isKnown ? undefined : 'brick-agent heal explain in the pods of the others',
  };
}

function isPending({ pending }: BacklogView, subject: ExplainSubject | undefined): boolean {
  if (subject !== undefined) return subject.isWaiting && subject.entry.state === 'Pending';
  return (pending.xattrop ?? 0) > 0;
}
