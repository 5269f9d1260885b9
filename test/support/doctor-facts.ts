/** Facts of a brick where all is well; tests change what they are about. */
import type { DoctorFacts } from '../../src/agent/doctor/facts.ts';
import type { BacklogView } from '../../src/heal/backlog.ts';
import type { ProcessProof } from '../../src/process/identity.ts';
import type { VolfileStatus } from '../../src/volfile/status.ts';

export const NOW = 1_767_323_045_000;

export function proof(pid: number): ProcessProof {
  const process = {
    pid,
    exe: '/usr/sbin/glusterfsd',
    exeDeleted: false,
    startTicks: 1,
    startedAt: NOW - 60_000,
    cmdline: [],
    state: 'S',
  };
  return { ok: true, process, evidence: 'lock', pidFileWrittenAt: NOW - 60_000 };
}

export const GONE: ProcessProof = {
  ok: false,
  reason: 'NotRunning',
  message: 'pid 7 of /run/brick.pid is not running',
};

export function backlog(change: Partial<BacklogView> = {}): BacklogView {
  return {
    state: 'Complete',
    reason: 'NothingPending',
    message: 'nothing waits for heal as far as this brick knows',
    pending: { xattrop: 0, dirty: 0, entryChanges: 0 },
    observedAt: NOW,
    pendingSince: undefined,
    inPerSecond: 0,
    outPerSecond: 0,
    etaSeconds: undefined,
    ...change,
  };
}

export function volfile(
  process: 'brick' | 'shd',
  change: Partial<VolfileStatus> = {},
): NonNullable<DoctorFacts['volfiles']>[number] {
  const message = 'the process runs this file';
  return {
    process,
    file: `${process}.vol`,
    outcome: 'Unchanged',
    reason: 'SameFile',
    message,
    problems: [],
    ...change,
  };
}

export function healthy(): DoctorFacts {
  return {
    source: 'Agent',
    now: NOW,
    places: {
      brickPath: '/bricks/pool1/data/brick',
      brickAddress: '127.0.0.1:24007',
      brickPidFile: '/run/brick.pid',
      shdPidFile: '/run/shd.pid',
      shdSocket: '/run/shd.socket',
    },
    configProblems: undefined,
    agent: { down: undefined, loops: [] },
    brick: {
      hungSince: undefined,
      identity: ['directory', 'mount', 'device', 'capability', 'volumeId', 'readWrite'].map((type) => {
        return { type, status: 'True' as const, reason: 'Fine', message: 'as it should be' };
      }),
      capacity: {
        totalBytes: 100n << 30n,
        freeBytes: 40n << 30n,
        availableBytes: 40n << 30n,
        inodes: 6_000_000n,
        inodesFree: 5_000_000n,
      },
      proof: proof(7),
      connection: { ok: true },
      statfs: { ok: true },
      healthCheck: { writtenAt: NOW - 40_000, staleMs: 180_000 },
    },
    shd: { isExpected: true, proof: proof(8), answers: { ok: true } },
    volfiles: [volfile('brick'), volfile('shd')],
    quota: { synced: true, pvs: 3, limited: 2, groups: [], over: { count: 0, examples: [] } },
    refusals: [],
    guard: { tampering: { off: 0, faked: 0 }, rearms: 4 },
    volumeUsage: new Map(),
    heal: { backlog: backlog(), loops: 0, findings: [] },
    tls: 'Off',
    events: 'Off',
    disruption: { verdict: 'Safe', reasons: [] },
    peers: [],
  };
}
