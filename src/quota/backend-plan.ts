import type { BackendQuota, Desired } from './desired.ts';
import { brickLimit, type QuotaLayout } from './layout.ts';

/** What has to be written on the backend for one PV; only what differs is in it. */
export interface BackendChange {
  path: string;
  namespace?: true;
  /** Bytes on this brick; null removes the xattr. */
  limitBytes?: bigint | null;
  /** Text of our record; null removes it. */
  record?: string | null;
}

/**
 * Compares what is wanted with what stands on disk. A limit that is to go is not touched here: it is lifted in the running
 * brick first, which writes to the same xattr (see Reconciler).
 *
 * @returns undefined when the disk is right
 */
export function planBackend(desired: Desired, backend: BackendQuota, layout: QuotaLayout): BackendChange | undefined {
  if (desired.limitBytes === undefined) return undefined;
  const wanted = brickLimit(desired.limitBytes, layout);
  if (backend.limitBytes === wanted && backend.namespace) return undefined;
  return {
    path: backend.path,
    ...(backend.limitBytes === wanted ? {} : { limitBytes: wanted }),
    ...(backend.namespace ? {} : { namespace: true }),
  };
}
