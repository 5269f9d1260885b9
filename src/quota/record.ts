import { MAX_BYTES } from '../lib/units.ts';
import { readClaim, type PvClaim } from './claim.ts';

/**
 * What the API asked for, kept in an xattr of our own on the PV directory, so that it lives and dies with the data and a
 * restarted agent finds it again.
 *
 * The text holds nothing that differs between the bricks of a volume (no time, no brick name): replicate compares the
 * xattrs of a directory when it heals metadata, and equal text is what keeps it quiet.
 */
export type QuotaRecord =
  | { kind: 'limit'; limitBytes: bigint; claim?: PvClaim | undefined }
  /** The limit was removed through the API; kept until the running brick has forgotten it. */
  | { kind: 'removed' };

const VERSION = 1;

export function encodeRecord(record: QuotaRecord): string {
  if (record.kind === 'removed') return JSON.stringify({ v: VERSION, removed: true });
  const { limitBytes, claim } = record;
  return JSON.stringify({ v: VERSION, limitBytes: limitBytes.toString(), claim });
}

/** Undefined when the text is not a record that this version understands; the caller reports that and leaves it alone. */
export function decodeRecord(text: string): QuotaRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('v' in value) || value.v !== VERSION) return undefined;
  if ('removed' in value && value.removed === true) return { kind: 'removed' };
  if (!('limitBytes' in value) || typeof value.limitBytes !== 'string') return undefined;
  if (!/^[1-9]\d{0,18}$/.test(value.limitBytes)) return undefined;
  const limitBytes = BigInt(value.limitBytes);
  if (limitBytes > MAX_BYTES) return undefined;
  // A claim that is none takes no limit from anybody.
  const claim = 'claim' in value ? readClaim(value.claim) : undefined;
  return typeof claim === 'object' ? { kind: 'limit', limitBytes, claim } : { kind: 'limit', limitBytes };
}

/** The claim that the API was told. */
export function recordedClaim(record: string | undefined): PvClaim | undefined {
  // Of most PVs none is known, and there may be 10,000 records.
  if (record?.includes('"claim"') !== true) return undefined;
  const decoded = decodeRecord(record);
  return decoded?.kind === 'limit' ? decoded.claim : undefined;
}
