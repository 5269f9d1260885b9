/** Limits: in force, kept, tampered with, exceeded. */
import { formatBytes } from '../../../lib/units.ts';
import type { DoctorFacts } from '../facts.ts';
import type { DoctorCheck, Judgement } from '../finding.ts';
import type { ConditionGroup } from '../quota-summary.ts';

const MAX_EVIDENCE = 5;
/** Where one cause is behind all that is unknown or not in force. */
const BRICK_CAUSES = ['agent', 'disk', 'identity', 'brick-volfile', 'brick-process', 'brick-port', 'brick-answers'];
const ONLY_AGENT = 'only the running agent knows the limits in force';

export const QUOTA_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'quota-enforcement',
    title: 'Does the brick enforce limits at all?',
    explainedBy: ['brick-volfile'],
    judge: ({ quota }) => {
      if (quota === undefined) return ONLY_AGENT;
      const ignored = quota.groups.find(({ type, reason }) => type === 'Live' && reason === 'LimitDiffers');
      if (ignored === undefined || ignored.count < quota.limited) return [];
      return [
        {
          severity: 'error',
          reason: 'NothingEnforced',
          message: `the brick took the limits of all ${ignored.count} PVs and shows none of them: nothing is limited on this brick`,
          evidence: evidenceOf(ignored),
          remedy:
            'features/simple-quota must stand in the volfile of the brick, directly above locks, with pass-through off; then restart the brick',
        },
      ];
    },
  },
  {
    name: 'quota-tampering',
    title: 'Did a tenant switch quotas off, or fake a usage?',
    judge: ({ guard }) => {
      if (guard === undefined) return 'nobody looks: quotaGuardIntervalMs is 0, or no agent runs';
      const { off, faked } = guard.tampering;
      if (off + faked === 0) return [];
      return [
        {
          severity: 'warning',
          reason: 'Tampering',
          message:
            'PVs grew beyond their limits because a tenant tampered with the quota of the brick; it was put right',
          evidence: [
            ...(off === 0 ? [] : [`enforcement was found switched off ${times(off)} since the agent's start`]),
            ...(faked === 0 ? [] : [`a false usage was found ${times(faked)} since the agent's start`]),
          ],
          remedy:
            'gluster_quota_pv_tampering_total and the log of the agent name the PVs; docs/quota.md, "Closing the door", has a filter that makes it impossible',
        },
      ];
    },
  },
  {
    name: 'quota-limits',
    title: 'Is every limit on disk and live?',
    explainedBy: [...BRICK_CAUSES, 'quota-enforcement'],
    judge: (facts) => ofGroups(facts, (group) => group.type === 'OnDisk' || group.type === 'Live'),
  },
  {
    name: 'quota-over',
    title: 'Is every PV within its limit?',
    explainedBy: ['quota-enforcement', 'quota-tampering'],
    judge: ({ quota }) => {
      if (quota === undefined) return ONLY_AGENT;
      const { count, examples } = quota.over;
      if (count === 0) return [];
      return [
        {
          severity: 'warning',
          reason: 'OverLimit',
          message: `${some(count, 'PV uses', 'PVs use')} more than the limit: no write is accepted there until enough is deleted`,
          evidence: examples.map(
            ({ pv, usedBytes, limitBytes }) => `${pv}: ${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}`,
          ),
          remedy: 'a limit may be lowered below the usage; if it was not, brick-agent quota explain <pv>',
        },
      ];
    },
  },
  {
    name: 'quota-volume',
    title: 'Do limits go by the usage of all subvolumes?',
    explainedBy: ['tls', 'brick-process', 'brick-port'],
    judge: ({ volumeUsage, peers }) => {
      if (volumeUsage === undefined) return ONLY_AGENT;
      const [incomplete = 0, stale = 0] = [volumeUsage.get('Incomplete'), volumeUsage.get('Stale')];
      if (incomplete + stale === 0) return [];
      const silent = (peers ?? []).filter(({ error }) => error !== undefined);
      return [
        {
          severity: 'warning',
          reason: incomplete > 0 ? 'SubvolumeUnknown' : 'SubvolumeSilent',
          message: `the volume is distributed, and the limits of ${some(incomplete + stale, 'PV', 'PVs')} go by a sum without another subvolume, or with its last word: more can be stored than they say`,
          evidence: [
            `${incomplete} without a subvolume that has never told what it uses, ${stale} with a part that is old`,
            peers?.length === 0 ? 'no peers are configured' : `${silent.length} peers do not answer`,
          ],
          remedy: "an agent beside the bricks of every subvolume, and all of them in each other's peers",
        },
      ];
    },
  },
  {
    name: 'quota-conditions',
    title: 'Is everything in every PV counted, and rightly?',
    explainedBy: BRICK_CAUSES,
    judge: (facts) => ofGroups(facts, (group) => group.type !== 'OnDisk' && group.type !== 'Live'),
  },
  {
    name: 'quota-entries',
    title: 'Is every wanted limit understood?',
    judge: ({ refusals }) => {
      if (refusals === undefined) return ONLY_AGENT;
      if (refusals.length === 0) return [];
      return [
        {
          severity: 'warning',
          reason: 'EntriesRefused',
          message: `${some(refusals.length, 'entry is', 'entries are')} refused; the limits in them do not count`,
          evidence: refusals.slice(0, MAX_EVIDENCE).map(({ file, reason }) => `${file}: ${reason}`),
          remedy: 'correct the file that is named; it is read again by itself',
        },
      ];
    },
  },
];

const REMEDIES: Record<string, string> = {
  'OnDisk BackendError': "look at the agent's log and the disk of the brick",
  'OnDisk Malformed': 'set the limit anew: brick-agent quota set',
  'OnDisk DirectoryMissing': 'nothing while it heals; else the PV is gone, and so should be what wants its limit',
  'Live LimitDiffers':
    'is features/simple-quota in the volfile of the brick, directly above locks, with pass-through off?',
  'Live BrickRefused': 'see the log of the brick',
  'Live NotEnforceable': 'run GlusterFS 11 to enforce quotas',
  'Live BrickDown': 'start the brick; limits come back by themselves',
  'Enforced NestedNamespace':
    'take trusted.glusterfs.namespace off that directory on the disk of every brick of the set, then restart them one by one',
  'Enforced PartlyEnforced': 'restart the brick, with brick-agent prepare before its start',
  'BelowSoftLimit Above': 'make room, or resize the PV',
  'UsageTrue CountsTooMuch': 'restart the brick, with brick-agent prepare before its start',
  'UsageTrue CountsTooLittle': 'restart the brick, with brick-agent prepare before its start',
};

function ofGroups({ quota }: DoctorFacts, wanted: (group: ConditionGroup) => boolean): Judgement[] | string {
  if (quota === undefined) return ONLY_AGENT;
  if (!quota.synced && quota.pvs === 0) return 'the first pass over the PVs is not done';
  return quota.groups.filter(wanted).map((group) => ({
    severity: group.severity,
    reason: group.reason,
    message: `${some(group.count, 'PV is', 'PVs are')} ${group.type} ${group.status}: ${group.reason}`,
    evidence: evidenceOf(group),
    remedy:
      REMEDIES[`${group.type} ${group.reason}`] ??
      (group.severity === 'info' ? undefined : 'brick-agent quota explain <pv>'),
  }));
}

function evidenceOf({ examples, count }: ConditionGroup): string[] {
  const lines = examples.map(({ pv, message }) => `${pv}: ${message}`);
  return count > examples.length ? [...lines, `and ${count - examples.length} more`] : lines;
}

function some(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
