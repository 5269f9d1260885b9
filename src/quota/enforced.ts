import type { ConditionInput } from '../lib/conditions.ts';
import type { PvAudit } from './audit.ts';

export interface EnforcedFacts {
  live: ConditionInput;
  limited: boolean;
  namespaceMade: 'Empty' | 'WithEntries' | undefined;
  audit: PvAudit | undefined;
  /** Wall-clock milliseconds. */
  now: number;
}

/**
 * Whether the limit holds for everything below the PV root. A live namespace covers only what the brick meets from then on;
 * what it had cached below the root stays outside until it restarts (measured on 11.1), and whether it had is not visible
 * from the limit alone. Only an audit of the brick's memory tells, or that the directory was empty at that time.
 */
export function judgeEnforced({ live, limited, namespaceMade, audit, now }: EnforcedFacts): ConditionInput {
  const type = 'Enforced';
  if (live.status !== 'True' || !limited) {
    const status = live.status === 'Unknown' ? 'Unknown' : 'False';
    return { type, status, reason: live.reason, message: live.message };
  }
  if (audit !== undefined && now <= audit.validUntil) {
    const judged = judgeAudit(audit);
    // What was empty and counted from its first entry on is not put in doubt by things that are nowhere to be found.
    if (judged.status !== 'Unknown' || namespaceMade !== 'Empty') return { type, ...judged };
  }
  switch (namespaceMade) {
    case 'Empty':
      return {
        type,
        status: 'True',
        reason: 'NamespaceSetEmpty',
        message: 'the directory was empty when it became a namespace, so everything below it is counted',
      };
    case 'WithEntries':
      return {
        type,
        status: 'False',
        reason: 'PartlyEnforced',
        message:
          'the directory had entries when it became a namespace in the running brick: what the brick had cached below it is not counted; restart the brick to enforce the whole PV',
      };
    case undefined:
      return audit === undefined
        ? {
            type,
            status: 'Unknown',
            reason: 'NotAudited',
            message: 'the limit is live; whether entries that the brick met before it are counted has not been audited',
          }
        : {
            type,
            status: 'Unknown',
            reason: 'AuditStale',
            message: `the last audit is of ${time(audit.at)}; later ones have failed`,
          };
  }
}

function judgeAudit({ at, right, wrong, unplaced, nested }: PvAudit): Omit<ConditionInput, 'type'> {
  if (nested !== undefined) {
    const { count, first } = nested;
    const what =
      count === 1
        ? `a directory of the PV is a namespace of its own: ${JSON.stringify(first)}`
        : `${count} directories of the PV are namespaces of their own, ${JSON.stringify(first)} among them`;
    return {
      status: 'False',
      reason: 'NestedNamespace',
      message: `${what} (seen in the brick's memory at ${time(at)}): what is in there is not counted for the PV and not limited by it, and a restart alone does not change that: take trusted.glusterfs.namespace off that directory on the disk of every brick of the set, then restart them one by one`,
    };
  }
  if (wrong > 0) {
    return {
      status: 'False',
      reason: 'PartlyEnforced',
      message: `of ${right + wrong} files and directories of the PV in the brick's memory at ${time(at)}, ${wrong} are not counted for it, and writes there are not limited; restart the brick to enforce the whole PV`,
    };
  }
  if (unplaced > 0) {
    return {
      status: 'Unknown',
      reason: 'NotAudited',
      message: `${unplaced} files in the brick's memory at ${time(at)} are counted for no PV and could not be placed (open and deleted, mostly): they may be of this PV`,
    };
  }
  return {
    status: 'True',
    reason: 'Audited',
    message: `all ${right} files and directories of the PV in the brick's memory at ${time(at)} are counted for it`,
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
