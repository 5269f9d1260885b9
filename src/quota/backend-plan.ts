import type { BackendChange, BackendQuota } from '../brick/quota-xattrs.ts';
import type { Desired } from './desired.ts';
import { brickLimit, type QuotaLayout } from './layout.ts';

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

/** What is read of a directory that nobody has made a quota yet. */
export function nothingOnDisk(path: string): BackendQuota {
  return {
    path,
    gfid: undefined,
    namespace: false,
    limitBytes: undefined,
    sizeBytes: undefined,
    adopting: false,
    record: undefined,
    hasEntries: undefined,
    parentGfid: undefined,
  };
}
