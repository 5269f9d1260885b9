/** The brick's disk and directory. */
import type { BrickCapacity } from '../../../brick/facts.ts';
import { formatBytes, formatDuration } from '../../../lib/units.ts';
import type { DoctorCheck, Judgement } from '../finding.ts';

/** Below these parts of the file system that are available, in percent. */
const LOW_PERCENT = 5;
const FULL_PERCENT = 1;

export const BRICK_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'disk',
    title: 'Does the disk of the brick answer?',
    judge: ({ brick: { hungSince, identity }, now, places }) =>
      hungSince === undefined
        ? identity === undefined
          ? 'the directory was not looked at yet'
          : []
        : [
            {
              severity: 'error',
              reason: 'DiskHangs',
              message: `a system call on ${places.brickPath} has not come back for ${formatDuration(Math.max(0, now - hungSince))}`,
              evidence: [`since ${new Date(hungSince).toISOString()}`],
              remedy: 'dmesg on the node has more; a restart of the pod does not mend a disk',
            },
          ],
  },
  {
    name: 'identity',
    title: 'Is the directory proven to be this brick?',
    explainedBy: ['disk'],
    judge: ({ brick: { identity } }) => {
      if (identity === undefined || identity.length === 0) return 'the directory was not looked at yet';
      const wrong = identity.filter(({ status }) => status !== 'True');
      // What could not be seen is mostly so because of what is wrong.
      const culprits = wrong.filter(({ status }) => status === 'False');
      const told = culprits.length > 0 ? culprits : wrong;
      return told.map(({ type, status, reason, message }): Judgement => ({
        severity: 'error',
        reason,
        message: `the brick is fenced, nothing is written to it: ${message}`,
        evidence: wrong
          .filter((other) => other.type === type || !told.includes(other))
          .map((other) => `${other.type} ${other.status} ${other.reason}`),
        remedy:
          status === 'Unknown'
            ? 'it opens by itself when it can be looked at; docs/operations.md, "The brick is fenced"'
            : 'docs/operations.md, "The brick is fenced", has what to do for each reason; it opens by itself then',
      }));
    },
  },
  {
    name: 'capacity',
    title: 'Has the file system of the brick room?',
    explainedBy: ['disk', 'identity'],
    judge: ({ brick: { capacity } }) =>
      capacity === undefined ? 'the file system could not be looked at' : judgeCapacity(capacity),
  },
];

function judgeCapacity(capacity: BrickCapacity): Judgement[] {
  const { totalBytes, availableBytes, inodes, inodesFree } = capacity;
  return [
    ...judgeRoom('bytes', availableBytes, totalBytes, `${formatBytes(availableBytes)} of ${formatBytes(totalBytes)}`),
    ...judgeRoom('inodes', inodesFree, inodes, `${inodesFree} of ${inodes} inodes`),
  ];
}

/** A file system that makes inodes as it needs them says 0 of 0. */
function judgeRoom(what: 'bytes' | 'inodes', free: bigint, total: bigint, shown: string): Judgement[] {
  if (total === 0n || free * 100n >= total * BigInt(LOW_PERCENT)) return [];
  const isFull = free * 100n < total * BigInt(FULL_PERCENT);
  const reason = what === 'bytes' ? (isFull ? 'DiskFull' : 'DiskLow') : isFull ? 'InodesUsedUp' : 'InodesLow';
  return [
    {
      severity: isFull ? 'error' : 'warning',
      reason,
      message: `${isFull ? 'nearly nothing' : 'little'} is left on the file system of the brick: ${shown} are available`,
      evidence: [shown],
      remedy: 'grow the disk, or delete; a brick that gets ENOSPC takes part in no write and must be healed after',
    },
  ];
}
