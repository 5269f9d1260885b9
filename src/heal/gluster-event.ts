/**
 * Gluster's own events: what a process of GlusterFS tells by UDP, one datagram each, to port 55555 of its volfile server, or
 * of the first address of localhost when it was started with a file, whether or not anybody listens (measured on 11.1):
 *
 *     1795782216 110 client-pid=-6;subvol=pool1-replicate-0;type=data;file=9684dd0c-…
 *
 * Seconds since the epoch, the number of the event, which differs between versions and is not looked at, and its facts. Anybody
 * on the same network can send such a datagram, so nothing in it is believed: it is a hint to look, no more. Pure.
 */
import type { Gfid } from '../lib/gfid.ts';

/** Gluster's own are some 300 bytes, with a name of 255 characters in them. */
export const MAX_EVENT_BYTES = 4096;
/** Facts in one; Gluster's have at most ten. */
const MAX_FACTS = 32;
const HEAD = /^\d{1,10} \d{1,6} /;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
/** The file that has it, the gfids that one name has, or the directory of the name. */
const GFID_FACT = /^(file|gfid|gfid-\d{1,4})$/;
const SPLIT_TYPES = new Set(['data', 'metadata', 'gfid', 'file']);

export interface EventHint {
  /** The replicate translator that tells it. */
  subvol: string;
  /** Whether it says that something is in split-brain. */
  isSplitBrain: boolean;
  /** Objects that it is about, each once. */
  gfids: Gfid[];
}

/** @returns undefined for what is no event of replicate */
export function parseEvent(datagram: Buffer): EventHint | undefined {
  if (datagram.length > MAX_EVENT_BYTES) return undefined;
  const text = datagram.toString('latin1');
  const head = HEAD.exec(text);
  if (head === null) return undefined;
  const facts = text.slice(head[0].length).split(';', MAX_FACTS).map(factOf);
  const subvol = facts.find(({ key }) => key === 'subvol')?.value;
  if (subvol === undefined || !/^[\x21-\x7e]{1,255}$/.test(subvol)) return undefined;
  const type = facts.find(({ key }) => key === 'type')?.value;
  const gfids = new Set<Gfid>();
  for (const { key, value } of facts) {
    const gfid = GFID_FACT.test(key) ? UUID.exec(value)?.[0] : undefined;
    if (gfid !== undefined) gfids.add(gfid);
  }
  return { subvol, isSplitBrain: type !== undefined && SPLIT_TYPES.has(type) && gfids.size > 0, gfids: [...gfids] };
}

function factOf(text: string): { key: string; value: string } {
  const at = text.indexOf('=');
  return at < 0 ? { key: '', value: '' } : { key: text.slice(0, at).trim(), value: text.slice(at + 1) };
}
