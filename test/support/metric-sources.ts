/** All collectors of the agent over fixed facts: one PV of every kind, a process of every kind, and names that try to break out. */
import { PvState } from '../../src/quota/pv-state.ts';
import { TamperingTally } from '../../src/quota/tampering.ts';
import { agentCollector } from '../../src/metrics/collectors/agent.ts';
import { brickCollector, type BrickSnapshot } from '../../src/metrics/collectors/brick.ts';
import { brickLoadCollector, type BrickLoad } from '../../src/metrics/collectors/brick-load.ts';
import { eventsCollector } from '../../src/metrics/collectors/events.ts';
import { healCollector, type HealSnapshot } from '../../src/metrics/collectors/heal.ts';
import { processCollector, type ProcessSnapshot } from '../../src/metrics/collectors/process.ts';
import { quotaCollector } from '../../src/metrics/collectors/quota.ts';
import {
  healLoopCollector,
  quotaAdoptionCollector,
  quotaGuardCollector,
  quotaRepairCollector,
  volumeUsageCollector,
} from '../../src/metrics/collectors/quota-guard.ts';
import { RpcCounter } from '../../src/metrics/collectors/rpc.ts';
import { runtimeCollector, type RuntimeSnapshot } from '../../src/metrics/collectors/runtime.ts';
import { tlsCollector } from '../../src/metrics/collectors/tls.ts';
import { volfileCollector, type VolfileSnapshot } from '../../src/metrics/collectors/volfile.ts';
import { ClientTraffic } from '../../src/metrics/client-traffic.ts';
import { FopCounters } from '../../src/metrics/fop-counters.ts';
import { splitBrainCollector } from '../../src/metrics/collectors/split-brain.ts';
import type { Collector } from '../../src/metrics/registry.ts';
import type { BrickProfile } from '../../src/rpc/profile-reply.ts';
import type { StatusClient } from '../../src/rpc/status-reply.ts';

/** A tenant's idea of a name: would end the label, add a series and break the line. */
export const HOSTILE_PV = 'pvc-"} 1\ngluster_brick_up{x="\\ü';

const GiB = 1024n ** 3n;
const TRANSITION = '2026-01-02T03:04:05.000Z';

export const BRICK: BrickSnapshot = {
  info: {
    volumeId: '2b9e329c-bdb8-11ee-989f-4e09040b9c74',
    volumeType: 'Replica3',
    brick: '/bricks/pool1/data/brick',
    brickIndex: 2,
    node: 'node-2',
    hostname: 'server-pool1-2-0',
  },
  set: { number: 0, dataBricks: 1 },
  checks: [
    { name: 'directory', status: 'True' },
    { name: 'volumeId', status: 'False' },
    { name: 'readWrite', status: 'Unknown' },
  ],
  fenced: true,
  empty: false,
  hung: false,
  up: true,
  capacity: {
    totalBytes: 100n * GiB,
    freeBytes: 40n * GiB,
    availableBytes: 35n * GiB,
    inodes: 6_553_600n,
    inodesFree: 6_500_000n,
  },
  writableBytes: 39n * GiB,
  healthCheckAt: 1_767_323_030_250,
};

const PROCESSES: ProcessSnapshot[] = [
  {
    process: 'brick',
    up: true,
    restarts: 1,
    stats: {
      cpuSeconds: 12.5,
      rssBytes: 150_000_000,
      openFds: 40,
      maxFds: 1_048_576,
      threads: 21,
      blockedThreads: 2,
      startTimeSeconds: 1_767_323_045.25,
    },
  },
  { process: 'shd', up: false, restarts: 0, stats: undefined },
];

/** A size of each kind: in the first bucket, on a bound, beyond the last; and clients that call themselves what they like. */
function brickLoad(): BrickLoad {
  const profile: BrickProfile = {
    seconds: 3600n,
    bytesRead: 8_388_623n,
    bytesWritten: 135_168n,
    reads: new Map([
      [3, 1n],
      [22, 2n],
    ]),
    writes: new Map([
      [12, 1n],
      [17, 1n],
    ]),
    fops: new Map([
      ['LOOKUP', { hits: 200n, averageNs: 150_000.5, minNs: 20_000, maxNs: 2_500_000 }],
      ['STATFS', { hits: 10n, averageNs: 100_000, minNs: 90_000, maxNs: 110_000 }],
      ['RELEASE', { hits: 5n, averageNs: undefined, minNs: undefined, maxNs: undefined }],
    ]),
  };
  const client = (address: string, name: string): StatusClient => {
    return { address, name, opVersion: 110_000, bytesRead: 3_000n, bytesWritten: 4_000n };
  };
  const clients = [
    client('10.0.0.1:49151', 'fuse'),
    client('10.0.0.1:49150', 'fuse'),
    client('10.0.0.2:49151', 'glustershd'),
    client('10.0.0.3:1', HOSTILE_PV),
  ];
  return {
    profile: { sizes: profile, counts: new FopCounters().take(profile, 10, 0) },
    clients: new ClientTraffic().take(clients),
  };
}

const HEAL: HealSnapshot = {
  state: 'Progressing',
  pending: { xattrop: 1200, dirty: 3, entryChanges: 0 },
  inPerSecond: 0.5,
  outPerSecond: 20.25,
  etaSeconds: 61,
  pendingSince: 1_767_323_045_000,
  oldest: { at: 1_767_319_445_000 },
  leftDirty: { objects: 2 },
  missed: { data: 1100, metadata: 90, entry: 30 },
  daemonUp: true,
  operations: { running: [{ kind: 'full' }], ended: { index: { Succeeded: 4, Unknown: 1 }, full: {} } },
  disconnected: { own: 1, other: 0 },
  crawling: true,
};

const VOLFILES: VolfileSnapshot[] = [
  {
    process: 'brick',
    outcome: 'RestartRequired',
    wantedSha256: 'a'.repeat(64),
    lastReload: { success: false },
    restarts: { succeeded: 2, failed: 1 },
    restartWaitsFor: 'PeerDown: brick 2 does not serve',
    lastSuccessAt: 1_767_323_046_500,
    problems: [{ severity: 'warning' }, { severity: 'warning' }, { severity: 'hint' }],
  },
  {
    process: 'shd',
    outcome: 'Unverified',
    wantedSha256: undefined,
    restarts: { succeeded: 0, failed: 0 },
    restartWaitsFor: undefined,
    lastReload: undefined,
    lastSuccessAt: undefined,
    problems: [],
  },
];

const RUNTIME: RuntimeSnapshot = {
  nodeVersion: 'v24.0.0',
  startTimeSeconds: 1_767_323_040,
  cpuSeconds: 1.75,
  residentBytes: 80_000_000,
  virtualBytes: 1_200_000_000,
  openFds: 30,
  maxFds: 1024,
  heapUsedBytes: 20_000_000,
  heapTotalBytes: 30_000_000,
  externalBytes: 3_000_000,
  eventLoopLag: { meanSeconds: 0.0001, p99Seconds: 0.002, maxSeconds: 0.015 },
};

export function pvState(pv: string, limitBytes: bigint | undefined, known: boolean): PvState {
  const state = new PvState(
    { pv, path: `subvol/ab/cd/${pv}` },
    { fileBytes: undefined, softRatio: undefined, kadaluBytes: limitBytes, peer: undefined },
  );
  state.desired = {
    limitBytes,
    source: limitBytes === undefined ? undefined : 'Kadalu',
    removed: false,
    warning: undefined,
  };
  const status = known ? 'True' : 'Unknown';
  state.conditions = ['OnDisk', 'Live', 'Enforced'].map((type) => ({
    type,
    status: type === 'Enforced' && known ? 'False' : status,
    reason: 'Test',
    message: '',
    observedGeneration: 1,
    lastTransitionTime: TRANSITION,
  }));
  if (!known || limitBytes === undefined) return state;
  const gfid = '11111111-1111-4111-8111-111111111111';
  state.backend = {
    kind: 'present',
    quota: {
      path: state.path,
      gfid,
      namespace: true,
      limitBytes,
      sizeBytes: 4096n,
      adopting: false,
      record: undefined,
      hasEntries: true,
      parentGfid: undefined,
    },
  };
  const statfs = { blockSize: 4096n, blocks: limitBytes / 4096n + 1n, free: limitBytes / 4096n, simpleQuota: true };
  state.live = { kind: 'result', at: 0, result: { kind: 'settled', gfid, statfs, madeNamespace: false } };
  return state;
}

const TAMPERING = new TamperingTally(() => true);
TAMPERING.count({ pv: 'pvc-1', gfid: '11111111-1111-4111-8111-111111111111' }, 'faked');

const SCANNED_AT = 1_767_323_000_000;

/** As of a scan a minute and a half ago that found the brick counting 1536 bytes too few. */
export function scanned(state: PvState): PvState {
  state.wishes = { ...state.wishes, softRatio: 0.8, fileClaim: { namespace: 'shop', name: 'data-db-0' } };
  state.scan = {
    at: SCANNED_AT,
    diskBytes: 12_288n,
    expectedCounter: 5632n,
    counterBefore: 4096n,
    counterAfter: 4096n,
    files: 1,
    directories: 1,
    durationMs: 2,
    incomplete: undefined,
    counted: true,
    brickGeneration: 1,
  };
  return state;
}

/** Every metric of the table has a sample in these, but for those that the registry itself makes. */
export function fixedCollectors(): Collector[] {
  const rpc = new RpcCounter();
  rpc.call('FOP.STATFS', 'ok', 1500);
  rpc.call('FOP.STATFS', 'Timeout', 5000);
  const states = [
    scanned(pvState('pvc-1', 10n * GiB, true)),
    pvState(HOSTILE_PV, GiB, false),
    pvState('pvc-free', undefined, true),
  ];
  return [
    tlsCollector(() => ({
      notAfter: new Map([
        ['api', 1_775_099_045_000],
        ['peer-ca', 1_798_859_045_000],
      ]),
      refusal: 'apiTlsKeyFile: is not the key',
      handshakeErrors: 4,
    })),
    eventsCollector(() => ({ sent: 31, failed: 2, dropped: { rate: 5, queue: 1 } })),
    agentCollector(
      '1.2.3',
      () => [
        {
          name: 'quota',
          runs: 7,
          failures: 1,
          overruns: 2,
          lastSuccessAt: 1_767_323_047_000,
          lastDurationMs: 12.5,
          lastError: undefined,
        },
        {
          name: 'heal',
          runs: 1,
          failures: 0,
          overruns: 0,
          lastSuccessAt: undefined,
          lastDurationMs: undefined,
          lastError: undefined,
        },
      ],
      () => 3,
    ),
    brickCollector(() => BRICK),
    brickLoadCollector(brickLoad, true),
    processCollector(() => PROCESSES),
    quotaCollector(
      { hasSynced: true, isQuotaFileValid: true, refusals: [{ file: 'info/x', reason: 'y' }], states: () => states },
      { clock: { now: () => SCANNED_AT + 90_000 } },
    ),
    quotaGuardCollector(() => ({ stats: { tampering: { off: 2, faked: 1 }, rearms: 17_280 }, tampering: TAMPERING })),
    volumeUsageCollector(
      () =>
        new Map([
          ['Sum', 2],
          ['Stale', 1],
        ] as const),
    ),
    quotaRepairCollector(() => ({
      raised: { times: 2, bytes: 4096n },
      lowered: { times: 1, bytes: 512n },
      failures: 1,
    })),
    quotaAdoptionCollector(() => ({ succeeded: 2, failed: 1 })),
    healLoopCollector(() => ({ active: 1, remedies: 3 })),
    healCollector(() => HEAL),
    splitBrainCollector(() => ({ unknown: undefined, items: [{ kinds: ['data', 'metadata'] }, { kinds: ['gfid'] }] })),
    volfileCollector(() => VOLFILES),
    rpc.collector(),
    runtimeCollector(() => RUNTIME),
  ];
}
