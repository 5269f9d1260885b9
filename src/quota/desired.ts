import type { BackendQuota } from '../brick/quota-xattrs.ts';
import { volumeBytes, type QuotaLayout } from './layout.ts';
import { decodeRecord } from './record.ts';

/** Where a limit comes from, highest first. `Disk`: nobody asked, but the brick carries one; it is adopted and shown as such. */
export type LimitSource = 'Api' | 'Kadalu' | 'Disk';

/** What is wanted for one PV on this brick. */
export interface Desired {
  /** In bytes of the volume; undefined: no limit. */
  limitBytes: bigint | undefined;
  source: LimitSource | undefined;
  /** The API removed the limit and nobody else asks for one. */
  removed: boolean;
  /** Something on disk could not be understood and was passed over. */
  warning: string | undefined;
}

/**
 * Merges the sources of one PV's limit.
 *
 * A removal through the API outweighs what stands on disk (else the limit would adopt itself again), but not Kadalu's wish.
 *
 * @param kadaluBytes limit in Kadalu's info file, when it has one
 */
export function desiredQuota(backend: BackendQuota, kadaluBytes: bigint | undefined, layout: QuotaLayout): Desired {
  const record = backend.record === undefined ? undefined : decodeRecord(backend.record);
  const warning =
    backend.record !== undefined && record === undefined
      ? 'the quota record on the directory is not one of this version and is left alone'
      : undefined;
  const none: Desired = { limitBytes: undefined, source: undefined, removed: false, warning };
  if (record?.kind === 'limit') return { ...none, limitBytes: record.limitBytes, source: 'Api' };
  if (kadaluBytes !== undefined) return { ...none, limitBytes: kadaluBytes, source: 'Kadalu' };
  if (record?.kind === 'removed') return { ...none, removed: true };
  if (typeof backend.limitBytes === 'bigint' && backend.limitBytes > 0n) {
    return { ...none, limitBytes: volumeBytes(backend.limitBytes, layout), source: 'Disk' };
  }
  return none;
}
