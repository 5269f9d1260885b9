/** The brick process, the self-heal daemon, and the volfiles they run from. */
import { formatDuration } from '../../../lib/units.ts';
import { haltOf, HALTS } from '../../../process/halt.ts';
import { isGone, type ProcessInfo, type ProcessProof } from '../../../process/identity.ts';
import { formatProblem } from '../../../volfile/problem.ts';
import type { Outcome, ProcessName } from '../../../volfile/status.ts';
import type { DoctorFacts } from '../facts.ts';
import type { DoctorCheck, FindingSeverity, Judgement } from '../finding.ts';

/** Lines of evidence that one finding shows. */
const MAX_EVIDENCE = 8;

export const PROCESS_CHECKS: readonly DoctorCheck[] = [
  // Before the process: one that cannot read its file does not start.
  volfileCheck('brick'),
  {
    name: 'brick-process',
    title: 'Does the brick process run?',
    judge: ({ brick: { proof, connection }, places }) =>
      judgeProof(proof, {
        what: 'the brick process',
        pidFile: places.brickPidFile,
        answers: connection?.ok === true,
        remedy:
          'look at its container: kubectl describe pod, and its log; brick-agent volfile lint tells whether it can start',
      }),
  },
  {
    name: 'brick-port',
    title: 'Does the brick answer on its port?',
    explainedBy: ['brick-process'],
    judge: ({ brick: { connection }, places }) =>
      connection === undefined
        ? 'it was not asked'
        : silent(connection, {
            reason: 'NotConnected',
            message: `no connection to the brick at ${places.brickAddress}`,
            remedy:
              'do brickPort and brickName match the volfile? Does auth.addr let 127.0.0.1 in? The log of the brick says whom it refused',
          }),
  },
  {
    name: 'brick-answers',
    title: 'Does the brick reach its disk?',
    explainedBy: ['disk', 'brick-process', 'brick-port'],
    judge: ({ brick: { statfs } }) =>
      statfs === undefined
        ? 'only the running agent asks'
        : silent(statfs, {
            reason: 'NoStatfs',
            message: 'the brick process does not answer STATFS of its root',
            remedy: 'its io-threads may wait for the disk: dmesg on the node, and a statedump (kill -USR1)',
          }),
  },
  {
    name: 'brick-health-check',
    title: 'Does the brick write its health check?',
    explainedBy: ['disk', 'identity', 'brick-process'],
    judge: ({ brick: { healthCheck }, now }) => {
      if (healthCheck === undefined) return 'only the running agent knows which process wrote it';
      const { writtenAt, staleMs } = healthCheck;
      if (writtenAt === undefined) {
        return 'this brick process has written none yet: the first comes within a minute, and none with health-check-interval 0';
      }
      const ageMs = now - writtenAt;
      if (ageMs <= staleMs) return [];
      return [
        {
          severity: 'error',
          reason: 'HealthCheckOld',
          message: `the brick has not been able to write to its disk for ${formatDuration(ageMs)}: it logs that and goes on, and its clients wait`,
          evidence: [`.glusterfs/health_check is of ${new Date(writtenAt).toISOString()}`],
          remedy:
            'dmesg on the node, and whether the disk is full; clients go on without this brick once it is stopped',
        },
      ];
    },
  },
  volfileCheck('shd'),
  {
    name: 'shd-process',
    title: 'Does the self-heal daemon run?',
    judge: ({ shd: { isExpected, proof, answers }, places }) =>
      isExpected
        ? judgeProof(proof, {
            what: 'the self-heal daemon',
            pidFile: places.shdPidFile,
            answers: answers?.ok === true,
            remedy: 'start it: without it nothing that was missed comes back; its log says why it ended',
          })
        : [],
  },
  {
    name: 'shd-answers',
    title: 'Does the self-heal daemon answer?',
    explainedBy: ['shd-process'],
    judge: ({ shd: { isExpected, answers }, places }) => {
      if (!isExpected) return [];
      if (answers === undefined) return 'it was not asked';
      return silent(answers, {
        reason: 'ShdSilent',
        message: `the self-heal daemon does not answer on ${places.shdSocket}`,
        remedy: 'a brick that is frozen keeps it waiting for up to 90 s: look at the other bricks; else restart it',
      });
    },
  },
];

function silent(
  result: { ok: boolean; reason?: string },
  words: { reason: string; message: string; remedy: string },
): Judgement[] {
  return result.ok ? [] : [{ severity: 'error', ...words, evidence: [result.reason ?? 'no reason given'] }];
}

function judgeProof(
  proof: ProcessProof | undefined,
  of: { what: string; pidFile: string; answers: boolean; remedy: string },
): Judgement[] | string {
  if (proof === undefined) return 'it was not looked at yet';
  if (proof.ok) return judgeHalt(proof.process, of.what);
  const evidence = [`pid file ${of.pidFile}: ${proof.reason}`, proof.message];
  if (!of.answers && isGone(proof)) {
    return [
      { severity: 'error', reason: 'ProcessDown', message: `${of.what} does not run`, evidence, remedy: of.remedy },
    ];
  }
  const isSeen = of.answers ? ', though it answers' : '';
  return [
    {
      severity: 'warning',
      reason: 'ProcessUnproven',
      message: `which process is ${of.what} is not proven${isSeen}: it gets no signal, and a changed volfile needs a restart`,
      evidence,
      remedy: 'share the process namespace (shareProcessNamespace: true), and check the path of the pid file',
    },
  ];
}

function judgeHalt(process: ProcessInfo, what: string): Judgement[] {
  const halt = haltOf(process);
  if (halt === undefined) return [];
  const { words, remedy } = HALTS[halt];
  const message = `${what} is ${words}: it does nothing, and who asks it waits`;
  const evidence = [`pid ${process.pid}, state ${process.state} in /proc${halt === 'Frozen' ? ', cgroup frozen' : ''}`];
  return [{ severity: 'error', reason: `Process${halt}`, message, evidence, remedy }];
}

const SEVERITY_OF: Record<Outcome, FindingSeverity | undefined> = {
  Applied: undefined,
  Unchanged: undefined,
  RestartRequired: 'warning',
  Rejected: 'error',
  Unverified: 'warning',
  Pending: 'info',
  Failed: 'error',
};

const REMEDY_OF: Record<Outcome, string | undefined> = {
  Applied: undefined,
  Unchanged: undefined,
  RestartRequired: 'restart the process when heals are done: it reads the file at its start',
  Rejected:
    'correct the ConfigMap: the process is unharmed, but without staging it would read this file at its next start',
  Unverified: 'docs/volfiles.md, "Outcomes", has what to do for each reason',
  Pending: undefined,
  Failed: 'look at the log of the process',
};

function volfileCheck(process: ProcessName): DoctorCheck {
  return {
    name: `${process}-volfile`,
    title: `Does the ${process === 'brick' ? 'brick' : 'self-heal daemon'} run what its volfile says?`,
    judge: (facts) => judgeVolfile(facts, process),
  };
}

function judgeVolfile({ volfiles, shd }: DoctorFacts, process: ProcessName): Judgement[] | string {
  if (process === 'shd' && !shd.isExpected) return [];
  if (volfiles === undefined) return 'no volfileDir is configured: volfiles are not watched';
  const status = volfiles.find((candidate) => candidate.process === process);
  if (status === undefined) return 'it was not looked at yet';
  const { outcome, reason, message, file, problems } = status;
  if (reason === 'NotLookedYet')
    return `${file} was read, but only the running agent knows whether the process runs it`;
  const shown = problems
    // Hints are for whoever writes the file: brick-agent volfile lint.
    .filter(({ severity }) => severity === 'error' || (severity === 'warning' && outcome !== 'Rejected'))
    .slice(0, MAX_EVIDENCE)
    .map((problem) => formatProblem(file, problem));
  const severity = SEVERITY_OF[outcome];
  if (severity !== undefined) {
    const evidence = shown.length === 0 ? [`${process}: ${outcome} ${reason}`] : shown;
    return [{ severity, reason, message: `${file}: ${outcome}: ${message}`, evidence, remedy: REMEDY_OF[outcome] }];
  }
  if (shown.length === 0) return [];
  return [
    {
      severity: 'info',
      reason: 'LintFindings',
      message: `${file} is accepted, with remarks`,
      evidence: shown,
      remedy: 'docs/volfiles.md, "Lint", has the reason of each',
    },
  ];
}
