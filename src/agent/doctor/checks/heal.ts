/** Whether what was missed comes back. */
import { formatDuration } from '../../../lib/units.ts';
import type { DoctorFacts } from '../facts.ts';
import type { DoctorCheck, Judgement } from '../finding.ts';
import { EMPTY_REMEDY } from '../../../heal/wiped-brick.ts';

export const HEAL_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'heal-obstacles',
    title: 'Does anything stand in the way of a heal?',
    explainedBy: ['shd-volfile', 'shd-process', 'shd-answers'],
    judge: ({ heal: { findings, backlog } }) => {
      if (findings === undefined) return 'the self-heal daemon was not asked';
      return (
        findings
          // Whether this brick serves, other checks say.
          .filter(({ severity, reason }) => severity !== 'info' && reason !== 'BrickDown')
          .map(({ reason, message, remedy, isOwnBrick = false }): Judgement => {
            // With nothing to heal now, a brick that is away is no fault of this one; it will be one when it returns.
            const severity = backlog?.state === 'Complete' ? 'warning' : 'error';
            // The daemon cannot reach a brick that is down; that it is, is told before.
            const explainedBy = isOwnBrick ? ['brick-process', 'brick-port'] : [];
            return { severity, reason, message, evidence: ['brick-agent heal explain'], remedy, explainedBy };
          })
      );
    },
  },
  {
    name: 'heal-backlog',
    title: 'Is everything healed, or getting there?',
    explainedBy: ['agent', 'disk', 'identity', 'shd-volfile', 'shd-process', 'shd-answers', 'heal-obstacles'],
    judge: judgeBacklog,
  },
  {
    name: 'heal-loops',
    title: 'Do heals of PV directories end?',
    judge: ({ heal: { loops } }) => {
      if (loops === undefined) return 'nobody looks: quotaHealLoops is off, or no agent runs';
      if (loops === 0) return [];
      return [
        {
          severity: 'warning',
          reason: 'HealGoesRound',
          message: `the metadata heal of ${loops} PV ${loops === 1 ? 'directory goes' : 'directories go'} round, several times a second`,
          evidence: ['the metadata blame of one brick grows at every look'],
          remedy: 'the agent of the brick that is healed ends it by itself; docs/quota.md, "Heals that never end"',
        },
      ];
    },
  },
];

function judgeBacklog({ heal: { backlog }, now }: DoctorFacts): Judgement[] | string {
  if (backlog === undefined) return 'only the running agent watches the backlog';
  const { state, reason, message, pending, pendingSince } = backlog;
  const counts = `xattrop ${pending.xattrop ?? 'unknown'}, entry-changes ${pending.entryChanges ?? 'unknown'}`;
  const since = pendingSince === undefined ? [] : [`pending for ${formatDuration(Math.max(0, now - pendingSince))}`];
  const evidence = [counts, ...since];
  switch (state) {
    case 'Complete':
      return [];
    case 'Progressing':
      return [{ severity: 'info', reason, message, evidence, remedy: undefined }];
    case 'Stalled':
      return [{ severity: 'error', reason, message, evidence, remedy: 'brick-agent heal explain, then heal list' }];
    case 'Unknown':
      if (reason === 'NotObserved') return message;
      return [
        {
          severity: 'warning',
          reason,
          message,
          evidence,
          remedy: reason === 'BrickEmpty' ? EMPTY_REMEDY : undefined,
        },
      ];
  }
}
