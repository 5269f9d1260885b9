/** Kadalu's record of a PV: `info/subvol/xx/yy/<pv>.json`. */
import fs from 'node:fs';
import { AgentError, errorMessage } from '../lib/errors.ts';
import { MAX_BYTES } from '../lib/units.ts';

/** What a record says, or why it is refused. */
export type PvInfo = { kadaluBytes: bigint } | { reason: string };

/** Kadalu's files hold two members; one that is larger is not Kadalu's. */
const MAX_INFO_BYTES = 4096;

/** @throws AgentError `BadRequest` for one that is too large; what the file system says as it is */
export function readInfo(path: string): string {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(MAX_INFO_BYTES + 1);
    const bytes = fs.readSync(fd, buffer, 0, buffer.length, 0);
    if (bytes > MAX_INFO_BYTES) throw new AgentError('BadRequest', `is larger than ${MAX_INFO_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytes);
  } finally {
    fs.closeSync(fd);
  }
}

/** The content of one info file, e.g. `{"size": 1073741824, "path_prefix": "subvol/ab/cd"}`. */
export function parseInfo(text: string, file: string): PvInfo {
  if (text === '') return { reason: 'is empty, as files on an arbiter brick are' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { reason: `is not JSON (${errorMessage(error)}); on a disperse brick it is a fragment` };
  }
  if (typeof value !== 'object' || value === null || !('size' in value)) return { reason: 'has no "size"' };
  const size = wholeBytes(value.size);
  if (size === undefined)
    return { reason: `"size" is ${JSON.stringify(value.size)}, not a whole number of bytes from 1 to 2^63-1` };
  const prefix = file.split('/').slice(1, 4).join('/');
  if ('path_prefix' in value && value.path_prefix !== prefix) {
    return { reason: `"path_prefix" is ${JSON.stringify(value.path_prefix)}, but the file lies under ${prefix}` };
  }
  return { kadaluBytes: size };
}

function wholeBytes(value: unknown): bigint | undefined {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  if (!isNumber && !(typeof value === 'string' && /^\d{1,19}$/.test(value))) return undefined;
  const bytes = BigInt(value);
  return bytes > 0n && bytes <= MAX_BYTES ? bytes : undefined;
}
