import { describe, expect, it } from 'vitest';
import { DOCTOR_CHECKS } from '../../../../src/agent/doctor/checks.ts';
import { diagnose } from '../../../../src/agent/doctor/diagnose.ts';
import { exitOf } from '../../../../src/agent/doctor/finding.ts';
import { troubleOf } from '../../../../src/agent/kubernetes/trouble.ts';
import type { TlsStatus } from '../../../../src/agent/tls/keeper.ts';
import type { TlsUse } from '../../../../src/agent/tls/material.ts';
import type { DoctorFacts } from '../../../../src/agent/doctor/facts.ts';
import type { ConditionStatus } from '../../../../src/lib/conditions.ts';
import type { ConditionGroup } from '../../../../src/agent/doctor/quota-summary.ts';
import type { ProcessInfo, ProcessProof } from '../../../../src/process/identity.ts';
import { backlog, GONE, healthy, NOW, proof, volfile } from '../../../support/doctor-facts.ts';

function group(type: string, reason: string, change: Partial<ConditionGroup> = {}): ConditionGroup {
  const examples = [{ pv: 'pvc-1', message: 'in words' }];
  return { type, status: 'False', reason, severity: 'error', count: 1, examples, ...change };
}

function withGroups(facts: DoctorFacts, ...groups: ConditionGroup[]): void {
  if (facts.quota !== undefined) facts.quota.groups = groups;
}

function changeIdentity(facts: DoctorFacts, changes: Record<string, [ConditionStatus, string]>): void {
  for (const check of facts.brick.identity ?? []) {
    const change = changes[check.type];
    if (change !== undefined) [check.status, check.reason] = change;
  }
}

function brickDead(facts: DoctorFacts): void {
  facts.brick.proof = GONE;
  facts.brick.connection = { ok: false, reason: 'ECONNREFUSED' };
  facts.brick.statfs = { ok: false, reason: 'no connection' };
  facts.volfiles = [
    volfile('brick', { outcome: 'Pending', reason: 'ProcessNotRunning', message: 'not running' }),
    volfile('shd'),
  ];
  withGroups(facts, group('Live', 'BrickDown', { status: 'Unknown', severity: 'warning', count: 2 }));
}

const DAY_MS = 86_400_000;

function halted(change: Partial<ProcessInfo>): ProcessProof {
  const running = proof(7);
  return running.ok ? { ...running, process: { ...running.process, ...change } } : running;
}

/** What is sick, and the check and reason that must be told first. */
const CASES: readonly [what: string, make: (facts: DoctorFacts) => void, first: string, severity?: string][] = [
  ['a brick that was killed', brickDead, 'brick-process ProcessDown'],
  [
    'a brick that is stopped by a signal',
    (facts) => {
      facts.brick.proof = halted({ state: 'T' });
      facts.brick.statfs = { ok: false, reason: 'no answer' };
    },
    'brick-process ProcessStopped',
  ],
  [
    'a self-heal daemon whose cgroup is frozen',
    (facts) => {
      facts.shd.proof = halted({ isFrozen: true });
      facts.shd.answers = { ok: false, reason: 'no answer' };
    },
    'shd-process ProcessFrozen',
  ],
  [
    'a brick that cannot start from its volfile',
    (facts) => {
      brickDead(facts);
      facts.volfiles = [volfile('brick', { outcome: 'Rejected', reason: 'SyntaxError', message: 'VF001' })];
    },
    'brick-volfile SyntaxError',
  ],
  [
    'another volume',
    (facts) => {
      changeIdentity(facts, { volumeId: ['False', 'Different'] });
      withGroups(facts, group('OnDisk', 'BrickFenced', { status: 'Unknown', severity: 'warning' }));
    },
    'identity Different',
  ],
  [
    'a missing capability, which hides the volume id',
    (facts) => {
      changeIdentity(facts, { capability: ['False', 'NoSysAdmin'], volumeId: ['Unknown', 'NotVisible'] });
    },
    'identity NoSysAdmin',
  ],
  [
    'a disk that hangs',
    (facts) => {
      facts.brick.hungSince = NOW - 90_000;
      facts.brick.statfs = { ok: false, reason: 'Timeout' };
    },
    'disk DiskHangs',
  ],
  [
    'a full disk',
    (facts) => {
      if (facts.brick.capacity !== undefined) facts.brick.capacity.availableBytes = 1n << 20n;
    },
    'capacity DiskFull',
  ],
  [
    'inodes that run out',
    (facts) => {
      if (facts.brick.capacity !== undefined) facts.brick.capacity.inodesFree = 200_000n;
    },
    'capacity InodesLow',
    'warning',
  ],
  [
    'a dead self-heal daemon with a backlog',
    (facts) => {
      facts.shd.proof = { ok: false, reason: 'PidFileMissing', message: '/run/shd.pid does not exist' };
      facts.shd.answers = { ok: false, reason: 'ENOENT' };
      facts.heal.backlog = backlog({ state: 'Stalled', reason: 'NothingHealed', pendingSince: NOW - 1_000_000 });
      facts.heal.findings = [
        { reason: 'HealDaemonDown', severity: 'error', message: 'it does not run', remedy: undefined },
      ];
    },
    'shd-process ProcessDown',
  ],
  [
    'a brick that the self-heal daemon does not reach',
    (facts) => {
      facts.heal.backlog = backlog({ state: 'Stalled', reason: 'NothingHealed' });
      facts.heal.findings = [{ reason: 'BrickNotConnected', severity: 'error', message: 'x', remedy: 'start it' }];
    },
    'heal-obstacles BrickNotConnected',
  ],
  [
    'a wiped brick',
    (facts) => {
      facts.heal.backlog = backlog({ state: 'Unknown', reason: 'BrickEmpty' });
    },
    'heal-backlog BrickEmpty',
    'warning',
  ],
  [
    'quota that is switched off in the volfile',
    (facts) => withGroups(facts, group('Live', 'LimitDiffers', { count: 2 })),
    'quota-enforcement NothingEnforced',
  ],
  [
    'a subvolume that has never told what it uses',
    (facts) => {
      facts.volumeUsage = new Map([['Incomplete', 2]]);
    },
    'quota-volume SubvolumeUnknown',
    'warning',
  ],
  [
    'a subvolume whose agents are silent',
    (facts) => {
      facts.volumeUsage = new Map([
        ['Sum', 2],
        ['Stale', 1],
      ]);
    },
    'quota-volume SubvolumeSilent',
    'warning',
  ],
  [
    'quota that a tenant switched off',
    (facts) => {
      facts.guard = { tampering: { off: 1, faked: 0 }, rearms: 9 };
      if (facts.quota !== undefined) {
        facts.quota.over = { count: 1, examples: [{ pv: 'pvc-1', usedBytes: 9n, limitBytes: 8n }] };
      }
    },
    'quota-tampering Tampering',
    'warning',
  ],
  [
    'a PV over its limit',
    (facts) => {
      if (facts.quota !== undefined) {
        facts.quota.over = { count: 1, examples: [{ pv: 'pvc-1', usedBytes: 9n << 20n, limitBytes: 8n << 20n }] };
      }
    },
    'quota-over OverLimit',
    'warning',
  ],
  [
    'one limit that the brick refuses',
    (facts) => withGroups(facts, group('Live', 'BrickRefused')),
    'quota-limits BrickRefused',
  ],
  [
    'a PV that is enforced in part',
    (facts) => withGroups(facts, group('Enforced', 'PartlyEnforced', { severity: 'warning' })),
    'quota-conditions PartlyEnforced',
    'warning',
  ],
  [
    'a quota file that is not understood',
    (facts) => {
      facts.refusals = [{ file: 'quotaFile', reason: 'not YAML' }];
    },
    'quota-entries EntriesRefused',
    'warning',
  ],
  [
    'heals that go round',
    (facts) => {
      facts.heal.loops = 2;
    },
    'heal-loops HealGoesRound',
    'warning',
  ],
  [
    'a silent peer',
    (facts) => {
      facts.peers = [{ address: 'b:9746', answeredAt: undefined, error: 'ECONNREFUSED' }];
    },
    'peers PeersSilent',
    'warning',
  ],
  [
    'a brick whose disk takes no writes',
    (facts) => {
      facts.brick.healthCheck = { writtenAt: NOW - 181_000, staleMs: 180_000 };
    },
    'brick-health-check HealthCheckOld',
  ],
  [
    'a certificate that has expired, and peers that therefore do not answer',
    (facts) => {
      facts.tls = tlsStatus(['api', NOW - 1]);
      facts.peers = [{ address: 'b:9746', answeredAt: undefined, error: 'its certificate has expired' }];
    },
    'tls CertificateExpired',
  ],
  [
    'a certificate that expires soon',
    (facts) => {
      facts.tls = tlsStatus(['api', NOW + 80 * DAY_MS], ['peer-ca', NOW + 13 * DAY_MS]);
    },
    'tls CertificateExpiring',
    'warning',
  ],
  [
    'new TLS files that are refused',
    (facts) => {
      facts.tls = { ...tlsStatus(['api', NOW + 80 * DAY_MS]), refusal: 'apiTlsKeyFile /x: is not the key' };
    },
    'tls TlsFilesRefused',
    'warning',
  ],
  [
    'Events that may not be written',
    (facts) => {
      const result = { kind: 'Answered', status: 403, message: 'User cannot create', retryAfterMs: undefined } as const;
      const pod = { name: 'pool1-0', namespace: 'gluster', uid: 'u', node: undefined };
      const trouble = troubleOf(result, pod, NOW - 5_000);
      facts.events = { sent: 0, failed: 2, dropped: { rate: 0, queue: 0 }, trouble, lastSuccessAt: undefined };
    },
    'kubernetes-events EventsForbidden',
    'warning',
  ],
  [
    'a loop that fails by itself',
    (facts) => {
      const stats = { name: 'audit', runs: 3, failures: 3, overruns: 0, lastSuccessAt: undefined, lastDurationMs: 1 };
      facts.agent.loops = [{ ...stats, lastError: 'no statedump' }];
    },
    'loops LoopFails',
    'warning',
  ],
  [
    'a configuration with which the agent does not start',
    (facts) => {
      facts.configProblems = ['volumeId (not set): is required'];
      facts.agent = { down: 'no such socket', loops: undefined };
    },
    'configuration ConfigInvalid',
  ],
  [
    'an agent that is down',
    (facts) => {
      facts.agent = { down: 'no such socket', loops: undefined };
    },
    'agent AgentDown',
  ],
];

function tlsStatus(...notAfter: [TlsUse, number][]): TlsStatus {
  return { notAfter: new Map(notAfter), refusal: undefined, handshakeErrors: 0 };
}

describe('diagnose', () => {
  it('finds nothing where nothing is wrong, and has looked at everything', () => {
    const report = diagnose(healthy());
    expect(report.findings).toEqual([]);
    expect(report.checks.filter(({ result }) => result !== 'Ok')).toEqual([]);
    expect(report.checks).toHaveLength(DOCTOR_CHECKS.length);
    expect(exitOf(report.findings)).toBe(0);
  });

  it.each(CASES)('%s: the cause is told first', (_what, make, first, severity = 'error') => {
    const facts = healthy();
    make(facts);
    const report = diagnose(facts);
    const [cause] = report.findings;
    expect(`${cause?.check} ${cause?.reason}`).toBe(first);
    expect(cause?.severity).toBe(severity);
    expect(cause?.followsFrom).toEqual([]);
    expect(cause?.evidence.length).toBeGreaterThan(0);
    expect(cause?.remedy).toBeTruthy();
    const isError = report.findings.some((finding) => finding.severity === 'error');
    expect(exitOf(report.findings)).toBe(isError ? 3 : 1);
  });

  it('tells consequences after the causes, with what they follow from', () => {
    const facts = healthy();
    brickDead(facts);
    const told = diagnose(facts).findings.map(({ check, followsFrom }) => `${check}: ${followsFrom.join()}`);
    expect(told[0]).toBe('brick-process: ');
    expect(told).toContain('brick-port: brick-process');
    expect(told).toContain('quota-limits: brick-process,brick-port,brick-answers');
  });

  it('takes for a consequence that the daemon does not reach the brick that is down, and not that it misses another one', () => {
    const facts = healthy();
    brickDead(facts);
    const away = { reason: 'BrickNotConnected', severity: 'error', message: 'x', remedy: 'start it' } as const;
    facts.heal.findings = [{ ...away, isOwnBrick: true }, away];
    const found = diagnose(facts).findings.filter(({ check }) => check === 'heal-obstacles');
    expect(found.map(({ followsFrom }) => followsFrom)).toEqual([[], ['brick-process', 'brick-port']]);
  });

  it('never shows as fine what it could not look at', () => {
    const facts: DoctorFacts = {
      ...healthy(),
      agent: { down: 'no such socket', loops: undefined },
      brick: {
        hungSince: undefined,
        identity: undefined,
        capacity: undefined,
        proof: undefined,
        connection: undefined,
        statfs: undefined,
        healthCheck: undefined,
      },
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
    const report = diagnose(facts);
    const fine = report.checks.filter(({ result }) => result === 'Ok').map(({ name }) => name);
    expect(fine).toEqual(['configuration']);
    expect(report.checks.filter(({ result, why }) => result === 'NotChecked' && !why)).toEqual([]);
  });

  it('tells that the brick must not be stopped, which needs nobody until somebody wants to', () => {
    const facts = healthy();
    const [code, message, remedy] = ['PeerDown', 'brick 2 is down', 'start it'] as const;
    facts.disruption = {
      verdict: 'Unsafe',
      reasons: [
        { code, verdict: 'Unsafe', brickIndex: 2, message, remedy },
        { code: 'QuorumLost', verdict: 'Unsafe', brickIndex: undefined, message: 'two are needed', remedy },
      ],
    };
    const report = diagnose(facts);
    expect(report.findings).toEqual([
      {
        check: 'stop',
        severity: 'info',
        reason: code,
        message: 'this brick must not be stopped now: brick 2 is down',
        evidence: ['PeerDown: brick 2 is down', 'QuorumLost: two are needed'],
        remedy,
        followsFrom: [],
      },
    ]);
    expect(exitOf(report.findings)).toBe(0);
    facts.disruption = { ...facts.disruption, verdict: 'Unknown' };
    expect(diagnose(facts).findings[0]?.message).toMatch(/^this brick is not known to be safe to stop: /);
  });

  it('does not take a health check that was never written for one that is fine', () => {
    const facts = healthy();
    facts.brick.healthCheck = { writtenAt: undefined, staleMs: 180_000 };
    const { checks, findings } = diagnose(facts);
    expect(findings).toEqual([]);
    expect(checks.find(({ name }) => name === 'brick-health-check')).toMatchObject({ result: 'NotChecked' });
  });

  it('is not stopped by a check with a bug', () => {
    const broken = {
      name: 'broken',
      title: 'Is it?',
      judge: () => {
        throw new TypeError('oops');
      },
    };
    const report = diagnose(healthy(), [broken, ...DOCTOR_CHECKS]);
    expect(report.checks[0]).toMatchObject({ result: 'NotChecked', why: 'the check itself failed: oops' });
    expect(report.checks).toHaveLength(DOCTOR_CHECKS.length + 1);
  });

  it('knows the names by which checks explain each other, and has none twice', () => {
    const names = DOCTOR_CHECKS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { explainedBy = [] } of DOCTOR_CHECKS) expect(names).toEqual(expect.arrayContaining([...explainedBy]));
  });
});
