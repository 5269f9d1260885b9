/** Every kind of Kubernetes Event that the agent writes, in one table; docs/events.md is made from it. */

/** Whose transition it is. Each has a budget of its own, so that a thousand full PVs do not drown the brick that is fenced. */
export type EventDuty = 'volfile' | 'brick' | 'quota' | 'heal';

interface EventKind {
  duty: EventDuty;
  /** Warning: somebody may have to do something. */
  type: 'Normal' | 'Warning';
  /** What the agent did or tried, in one CamelCase word. */
  action: string;
  /** For the documentation: when it is written. */
  when: string;
}

export const EVENT_KINDS = {
  VolfileApplied: {
    duty: 'volfile',
    type: 'Normal',
    action: 'Reload',
    when: 'a process took a changed volfile and said so; clients were told of theirs; or a file that was not in force before is what the process runs',
  },
  VolfileRejected: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Lint',
    when: 'a volfile has errors, is missing or cannot be read: no process is given it; rule, line and remedy are in the note',
  },
  VolfileRestartRequired: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Reload',
    when: 'only a restart of the process brings the file in',
  },
  VolfileReloadFailed: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Reload',
    when: 'the process refused the file half-way, died of it or does not answer since; or the file could not be staged',
  },
  VolfilePoisoned: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Reload',
    when: 'the process has a broken volfile parser: nobody may send it SIGHUP until it is restarted',
  },
  VolfileUnverified: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Verify',
    when: 'for 30 s it has not been known what the process runs, or the signal was sent and nothing shows that it was heard',
  },
  ProcessRestarted: {
    duty: 'volfile',
    type: 'Normal',
    action: 'Restart',
    when: 'the agent ended a process (`volfileRestart: auto`), and the new one runs the file',
  },
  ProcessRestartFailed: {
    duty: 'volfile',
    type: 'Warning',
    action: 'Restart',
    when: 'the agent ended a process, or tried to, and no new one came back with the file',
  },
  BrickFenced: {
    duty: 'brick',
    type: 'Warning',
    action: 'Fence',
    when: 'the directory is not proven to be this brick, or does not answer: nothing is written to it',
  },
  BrickUnfenced: { duty: 'brick', type: 'Normal', action: 'Unfence', when: 'it is proven again' },
  PvAboveSoftLimit: {
    duty: 'quota',
    type: 'Warning',
    action: 'CheckUsage',
    when: 'a PV uses as much as its soft limit or more',
  },
  PvBelowSoftLimit: { duty: 'quota', type: 'Normal', action: 'CheckUsage', when: 'it uses less again' },
  PvOverLimit: { duty: 'quota', type: 'Warning', action: 'CheckUsage', when: 'a PV uses more than its limit' },
  PvWithinLimit: { duty: 'quota', type: 'Normal', action: 'CheckUsage', when: 'it does not any more' },
  PvNotEnforced: {
    duty: 'quota',
    type: 'Warning',
    action: 'Enforce',
    when: 'a limit has not been in force for 10 s, or not for all of the PV; the note has the condition’s words',
  },
  PvEnforced: { duty: 'quota', type: 'Normal', action: 'Enforce', when: 'it is in force again' },
  PvLimitRefused: {
    duty: 'quota',
    type: 'Warning',
    action: 'ReadLimits',
    when: 'an entry of the quota file or of Kadalu’s records is not acceptable: the limit in it does not count',
  },
  QuotaTampering: {
    duty: 'quota',
    type: 'Warning',
    action: 'PutRight',
    when: 'a tenant had switched enforcement off, or told the brick a false usage; it was put right',
  },
  HealStalled: {
    duty: 'heal',
    type: 'Warning',
    action: 'WatchHeal',
    when: 'objects wait, and none was healed for 15 min',
  },
  HealComplete: {
    duty: 'heal',
    type: 'Normal',
    action: 'WatchHeal',
    when: 'nothing waits any more, after a backlog that was stalled or stood for a minute or more',
  },
  SplitBrainFound: {
    duty: 'heal',
    type: 'Warning',
    action: 'CompareCopies',
    when: 'an object was proven to be in split-brain, where none was before',
  },
  SplitBrainGone: { duty: 'heal', type: 'Normal', action: 'CompareCopies', when: 'no object is any more' },
  HealLeftDirty: {
    duty: 'heal',
    type: 'Warning',
    action: 'WatchHeal',
    when: 'objects are marked as being written, and nobody is writing to them any more',
  },
  SelfHealDaemonRestarted: {
    duty: 'heal',
    type: 'Normal',
    action: 'WatchProcess',
    when: 'another self-heal daemon was found in the place of the one before',
  },
} as const satisfies Record<string, EventKind>;

export type EventReason = keyof typeof EVENT_KINDS;

/** One thing that has happened to this pod. */
export interface AgentEvent {
  reason: EventReason;
  /** What it is about: with the reason it tells whether two events are the same, as the note may have counts and times. */
  about: string;
  /** For people. */
  note: string;
  /** It was so when the agent first knew: an agent before this one, in the same pod, may have told already. */
  isFirst: boolean;
}
