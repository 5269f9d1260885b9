/** What the status page is told, as JSON. Times are ISO 8601, byte counts numbers: they are for eyes. */
import type { Condition } from '../../lib/conditions.ts';

export type ShownCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'> & {
  /** Null: it is as it should be. */
  severity: 'error' | 'warning' | 'info' | null;
};

export interface PagePv {
  pv: string;
  /** `namespace/name`; null: nobody has told. */
  claim: string | null;
  /** Bytes of this brick; null: none, or not known. */
  wantedBytes: number | null;
  onDiskBytes: number | null;
  liveBytes: number | null;
  usedBytes: number | null;
  /** Used as a part of wanted; null: not known. */
  fullness: number | null;
  source: string | null;
  /** What the limit goes by on a distributed volume, in bytes that compare with `wantedBytes`; null: the volume is not, or the PV has no limit. */
  volumeUsage: { state: 'Sum' | 'Stale' | 'Incomplete' | 'Unknown'; usedBytes: number | null; message: string } | null;
  /** The gravest of what is not as it should be. */
  severity: 'error' | 'warning' | 'info' | null;
  /** Those that are not True, first; messages of those that are True are left out. */
  conditions: ShownCondition[];
}

export interface PageStatus {
  version: string;
  gluster: string | null;
  volume: string;
  volumeId: string;
  volumeType: string;
  brickIndex: number;
  brickPath: string;
  hostname: string;
  node: string | null;
  ready: boolean;
  /** Causes first; see the doctor. */
  findings: {
    check: string;
    severity: 'error' | 'warning' | 'info';
    reason: string;
    message: string;
    evidence: string[];
    remedy: string | null;
    followsFrom: string[];
  }[];
  brick: {
    up: boolean;
    fenced: boolean;
    hung: boolean;
    /** The brick's own write to its disk, which it tries all the time. */
    healthCheck: { ok: boolean; writtenAt: string | null };
    /** Whether it may be stopped, as all agents of its set say; null: not known, or not of late. */
    stop: { verdict: 'Safe' | 'Unsafe' | 'Unknown'; reasons: { code: string; message: string }[] } | null;
    conditions: ShownCondition[];
    capacity: { totalBytes: number; availableBytes: number; inodes: number; inodesFree: number } | null;
  };
  processes: {
    process: 'brick' | 'shd';
    state: 'Running' | 'Down' | 'Unknown';
    since: string | null;
    message: string;
  }[];
  probes: { path: string; ok: boolean; checks: { name: string; ok: boolean; reason: string | null }[] }[];
  quotas: {
    synced: boolean;
    total: number;
    limited: number;
    /** Those that need attention. */
    attention: number;
    /** That fit the filter; `items` are the first of them. */
    matching: number;
    items: PagePv[];
  };
  heal: {
    state: string;
    reason: string;
    message: string;
    objects: number | null;
    inPerSecond: number | null;
    outPerSecond: number | null;
    etaSeconds: number | null;
    pendingSince: string | null;
    /** Objects; null: not known, or there can be none. */
    splitBrain: number | null;
    /** Whether the self-heal daemon is connected to all bricks; null: this pod has none. */
    connected: ShownCondition | null;
    history: { pointMs: number; points: (number | null)[] };
  };
  volfiles: {
    configured: boolean;
    items: {
      process: string;
      file: string;
      outcome: string;
      reason: string;
      message: string;
      wantedSha256: string | null;
      runningSha256: string | null;
      since: string;
    }[];
  };
}

export interface PageQuery {
  /** A part of the PV's name or of its claim's, in any case; empty: every PV. */
  q: string;
  /** Only PVs that need attention. */
  attention: boolean;
}
