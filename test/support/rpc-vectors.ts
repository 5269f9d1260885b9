/** The recorded exchanges with real processes in test/samples/rpc. */
import { readFileSync } from 'node:fs';

export interface Exchange {
  id: string;
  gluster: '10.3' | '11.1';
  transport: 'unix' | 'tcp';
  /** Program and procedure, e.g. `FOP.LOOKUP`. */
  proc: string;
  /** With its record mark. */
  request: Buffer;
  reply: Buffer;
  /** What another decoder made of the reply; integers beyond 2^53 are text. */
  decoded: Readonly<Record<string, unknown>> | undefined;
  rpcError: string | undefined;
}

const folder = new URL('../samples/rpc/', import.meta.url);

export const exchanges: readonly Exchange[] = read('exchanges.json', 'exchanges').map((entry) => ({
  id: text(entry['id']),
  gluster: entry['gluster'] === '10.3' ? '10.3' : '11.1',
  transport: entry['transport'] === 'unix' ? 'unix' : 'tcp',
  proc: text(entry['proc']),
  request: hex(entry['request']),
  reply: hex(entry['reply']),
  decoded: isRecord(entry['decoded']) ? entry['decoded'] : undefined,
  rpcError: entry['rpcError'] === undefined ? undefined : text(entry['rpcError']),
}));

/** @param gluster the newer one when left out */
export function exchange(id: string, gluster?: Exchange['gluster']): Exchange {
  const found = exchanges.findLast((one) => one.id === id && (gluster ?? one.gluster) === one.gluster);
  if (found === undefined) throw new Error(`no exchange ${id}`);
  return found;
}

/** The reply without record mark and header (24 bytes after the mark when it was accepted). */
export function resultsOf(one: Exchange): Buffer {
  return one.reply.subarray(28);
}

/** Other samples: `classicDict`, `gfxDict`, `authV3`, `callbacks`. */
export function samples(kind: string): Readonly<Record<string, unknown>>[] {
  return read('codecs.json', kind);
}

export function hex(value: unknown): Buffer {
  return Buffer.from(text(value), 'hex');
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(file: string, key: string): Readonly<Record<string, unknown>>[] {
  const parsed: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  const list = isRecord(parsed) ? parsed[key] : undefined;
  if (!Array.isArray(list)) throw new Error(`${file} has no list ${key}`);
  return list.filter(isRecord);
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`text expected, not ${typeof value}`);
  return value;
}
