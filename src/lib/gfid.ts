import { AgentError } from './errors.ts';

/** A gfid as lower-case text with dashes (36 characters); the wire and the backend carry its 16 bytes in text order. */
export type Gfid = string;

export const ROOT_GFID: Gfid = '00000000-0000-0000-0000-000000000001';
export const NULL_GFID: Gfid = '00000000-0000-0000-0000-000000000000';

const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws AgentError `BadRequest` when `bytes` is not 16 long */
export function gfidFromBytes(bytes: Uint8Array): Gfid {
  if (bytes.length !== 16) throw new AgentError('BadRequest', `a gfid has 16 bytes, these are ${bytes.length}`);
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** @throws AgentError `BadRequest` when `text` is not a UUID */
export function gfidToBytes(text: Gfid): Buffer {
  const lower = text.toLowerCase();
  if (!UUID_TEXT.test(lower)) throw new AgentError('BadRequest', `"${text}" is not a UUID`);
  return Buffer.from(lower.replaceAll('-', ''), 'hex');
}
