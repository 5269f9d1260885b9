/** The doctor's facts as a command can see them where no agent answers. */
import { judgeIdentity } from '../../brick/identity.ts';
import { BrickWorker } from '../../brick/worker/client.ts';
import { systemClock } from '../../lib/clock.ts';
import { errorMessage, isAgentError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import type { ExpectedFacts, LintContext } from '../../volfile/lint/rule.ts';
import { NeighbourFiles, withNeighbours } from '../../volfile/neighbours.ts';
import { hasErrors } from '../../volfile/problem.ts';
import { readVolfileSet, type VolfileSet } from '../../volfile/read-set.ts';
import { FileJudge } from '../../volfile/wanted.ts';
import type { Config } from '../config/load.ts';
import type { CheckResult } from '../health.ts';
import { ProcessMonitor, processPlaces } from '../process-monitor.ts';
import { loadTls } from '../tls/load.ts';
import { connect } from '../stopped-brick.ts';
import { brickExpectations, clientExpectations } from '../volfile-duty.ts';
import { placesOf } from './agent-facts.ts';
import type { BrickSideFacts, DoctorFacts } from './facts.ts';

export interface OfflineFacts {
  facts: DoctorFacts;
  /** A system call holds a thread: the process cannot end by itself. */
  hangs: boolean;
}

/** What is known of nothing: a configuration that is refused tells no path. */
export function factsWithoutConfig(down: string, problems: readonly string[]): DoctorFacts {
  return {
    source: 'Offline',
    now: Date.now(),
    places: { brickPath: '', brickAddress: '', brickPidFile: '', shdPidFile: '', shdSocket: '' },
    configProblems: problems,
    agent: { down, loops: undefined },
    brick: NOTHING_SEEN,
    shd: { isExpected: true, proof: undefined, answers: undefined },
    volfiles: undefined,
    quota: undefined,
    refusals: undefined,
    guard: undefined,
    volumeUsage: undefined,
    heal: { backlog: undefined, loops: undefined, findings: undefined },
    peers: undefined,
    disruption: undefined,
    tls: undefined,
    events: undefined,
  };
}

const NOTHING_SEEN: BrickSideFacts = {
  hungSince: undefined,
  identity: undefined,
  capacity: undefined,
  proof: undefined,
  connection: undefined,
  statfs: undefined,
  healthCheck: undefined,
};

/** Looks at directory, processes, sockets and volfiles; writes nothing. @param down why no agent answers */
export async function offlineFacts(config: Config, down: string): Promise<OfflineFacts> {
  const monitor = new ProcessMonitor(processPlaces(config));
  const [directory, connection, answers, set, tls] = await Promise.all([
    lookAtDirectory(config),
    listens({ host: config.brickHost, port: config.brickPort }),
    config.shdExpected ? listens({ path: config.shdSocket }) : undefined,
    config.volfileDir === undefined ? undefined : readVolfileSet(config.volfileDir),
    lookAtTls(config),
    monitor.pass(),
  ]);
  const proofOf = (name: 'brick' | 'shd') => monitor.views.find(({ process }) => process === name)?.proof;
  return {
    hangs: directory.hangs,
    facts: {
      ...factsWithoutConfig(down, tls.problems),
      tls: tls.status,
      places: placesOf(config),
      brick: { ...directory.brick, proof: proofOf('brick'), connection },
      shd: { isExpected: config.shdExpected, proof: proofOf('shd'), answers },
      volfiles: set === undefined ? undefined : lintedVolfiles(config, set),
    },
  };
}

async function lookAtDirectory(config: Config): Promise<{ brick: BrickSideFacts; hangs: boolean }> {
  const { brickPath, brickDeadlineMs: deadlineMs, volumeId, brickMount: mountPoint } = config;
  const startedAt = Date.now();
  const worker = new BrickWorker({ brickPath, deadlineMs, clock: systemClock, log: silentLog });
  let brick = NOTHING_SEEN;
  try {
    const seen = await worker.call('facts', {});
    const { checks } = judgeIdentity(seen, { path: brickPath, volumeId, mountPoint, place: undefined });
    const identity = checks.map(({ name: type, status, reason, message }) => ({ type, status, reason, message }));
    brick = { ...NOTHING_SEEN, identity, capacity: seen.capacity };
  } catch (error) {
    if (isAgentError(error, 'Timeout', 'BrickHung')) brick = { ...NOTHING_SEEN, hungSince: startedAt };
    else {
      const message = errorMessage(error);
      brick = { ...NOTHING_SEEN, identity: [{ type: 'directory', status: 'Unknown', reason: 'NoAnswer', message }] };
    }
  }
  return { brick, hangs: !(await worker.stop()) };
}

async function lookAtTls(config: Config): Promise<{ status: DoctorFacts['tls']; problems: string[] }> {
  try {
    const tls = await loadTls(config, silentLog);
    return { status: tls?.status() ?? 'Off', problems: [] };
  } catch (error) {
    // Nor would the agent start.
    return { status: undefined, problems: [errorMessage(error)] };
  }
}

async function listens(target: { host: string; port: number } | { path: string }): Promise<CheckResult> {
  const failure = await connect(target);
  return failure === undefined ? { ok: true } : { ok: false, reason: errorMessage(failure) };
}

function lintedVolfiles(config: Config, set: VolfileSet): NonNullable<DoctorFacts['volfiles']> {
  const { brickVolfile, shdVolfile, clientVolfile, shdExpected } = config;
  const neighbours = new NeighbourFiles([brickVolfile, shdVolfile, clientVolfile]).lookIn(set);
  const judged = (role: 'brick' | 'shd', file: string, known: ExpectedFacts): ReturnType<typeof linted> => {
    const expected = withNeighbours(known, role, file, neighbours);
    return linted(role, file, set, { role, expected, gluster: undefined, xlators: undefined });
  };
  const brick = judged('brick', brickVolfile, brickExpectations(config));
  return shdExpected ? [brick, judged('shd', shdVolfile, clientExpectations(config))] : [brick];
}

function linted(
  process: 'brick' | 'shd',
  file: string,
  set: VolfileSet,
  context: LintContext,
): NonNullable<DoctorFacts['volfiles']>[number] {
  const wanted = new FileJudge(file).judge(set, context);
  if (!wanted.readable) {
    return { process, file, outcome: 'Rejected', reason: wanted.reason, message: wanted.message, problems: [] };
  }
  const { graph } = wanted;
  const problems = [...wanted.problems];
  if (graph !== undefined && !hasErrors(problems)) {
    return { process, file, outcome: 'Unverified', reason: 'NotLookedYet', message: '', problems };
  }
  const message = 'it has errors, so the process would not start from it, or not work';
  return { process, file, outcome: 'Rejected', reason: graph ? 'LintError' : 'SyntaxError', message, problems };
}
