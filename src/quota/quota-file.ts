/**
 * Limits from a mounted file:
 *
 * ```yaml
 * quotas:
 *   - pv: pvc-1            # or path: subvol/ab/cd/pvc-1
 *     limit: 10Gi          # bytes or a quantity
 *     soft: 0.8            # optional: warn from this part of the limit on
 *     claim: {namespace: shop, name: data-db-0}   # optional: the PersistentVolumeClaim that it is of
 * ```
 *
 * An entry that is wrong is refused with its line and the reason; the others count. Of an entry whose claim alone is wrong the limit counts.
 */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml';
import { errorMessage } from '../lib/errors.ts';
import { sharedBigint } from '../lib/shared-bigint.ts';
import { parseBytes } from '../lib/units.ts';
import { readClaim, type PvClaim } from './claim.ts';
import { PIECE_LINES, quotaFilePieces } from './quota-file-pieces.ts';

export interface QuotaFileEntry {
  /** Name of the PV; undefined when it is named by its path. */
  pv: string | undefined;
  path: string | undefined;
  /** Bytes of the volume. */
  limitBytes: bigint;
  /** Part of the limit, above 0 and below 1. */
  softRatio: number | undefined;
  /** Absent where none is told, as of most PVs. */
  claim?: PvClaim;
  line: number;
}

export interface QuotaFileContent {
  entries: QuotaFileEntry[];
  refusals: { line: number; reason: string }[];
  /** The file as a whole cannot be used; undefined: it can. */
  error: string | undefined;
}

/** A ConfigMap holds at most 1 MiB. */
export const MAX_QUOTA_FILE_BYTES = 1024 * 1024;
const KNOWN_KEYS = new Set(['pv', 'path', 'limit', 'soft', 'claim']);

/** @param pieceLines lines that are parsed at a time, at least, where the file's shape allows it */
export function parseQuotaFile(text: string, pieceLines: number = PIECE_LINES): QuotaFileContent {
  if (Buffer.byteLength(text) > MAX_QUOTA_FILE_BYTES) {
    return { entries: [], refusals: [], error: `is larger than ${MAX_QUOTA_FILE_BYTES} bytes` };
  }
  return parsePieces(text, pieceLines) ?? parseWhole(text);
}

/** A piece that is wrong by itself may be right in the whole, which has the last word. */
function parsePieces(text: string, pieceLines: number): QuotaFileContent | undefined {
  const pieces = quotaFilePieces(text, pieceLines);
  if (pieces === undefined) return undefined;
  const reader = new EntryReader();
  for (const { text: piece, lineOffset } of pieces) {
    if (reader.take(piece, lineOffset) !== undefined) return undefined;
  }
  return reader.content;
}

/** Exported for the test that compares. */
export function parseWhole(text: string): QuotaFileContent {
  const reader = new EntryReader();
  const error = reader.take(text, 0);
  return error === undefined ? reader.content : { entries: [], refusals: [], error };
}

class EntryReader {
  readonly content: QuotaFileContent = { entries: [], refusals: [], error: undefined };
  readonly #seen = new Map<string, number>();

  /** @returns why the text cannot be used */
  take(text: string, lineOffset: number): string | undefined {
    const lines = new LineCounter();
    let document: Document;
    try {
      document = parseDocument(text, { lineCounter: lines });
    } catch (error) {
      return errorMessage(error);
    }
    const [fault] = document.errors;
    if (fault !== undefined) return fault.message.split('\n')[0] ?? 'is not YAML';
    const quotas = isMap(document.contents) ? document.contents.get('quotas', true) : undefined;
    if (!isSeq(quotas)) return 'has no list "quotas"';
    for (const item of quotas.items) {
      const line = lines.linePos(isNode(item) ? (item.range?.[0] ?? 0) : 0).line + lineOffset;
      const entry = isMap(item) ? readEntry(item, line) : 'is not a mapping';
      if (typeof entry === 'string') this.content.refusals.push({ line, reason: entry });
      else this.#take(entry, isMap(item) ? item.get('claim') : undefined);
    }
    return undefined;
  }

  #take(entry: QuotaFileEntry, claimed: unknown): void {
    const { entries, refusals } = this.content;
    const { line } = entry;
    const key = entry.pv ?? entry.path?.split('/').at(-1) ?? '';
    const first = this.#seen.get(key);
    if (first !== undefined) {
      refusals.push({ line, reason: `"${key}" has a limit in line ${first} already` });
      return;
    }
    this.#seen.set(key, line);
    const claim = claimed === undefined ? undefined : readClaim(isMap(claimed) ? claimed.toJSON() : claimed);
    if (typeof claim === 'string') refusals.push({ line, reason: `"claim" is left out, the limit counts: ${claim}` });
    if (typeof claim === 'object') entry.claim = { namespace: copyOf(claim.namespace), name: copyOf(claim.name) };
    entries.push(entry);
  }
}

/** @returns the reason when the entry is refused */
function readEntry(item: YAMLMap, line: number): QuotaFileEntry | string {
  const value = (key: string): unknown => item.get(key);
  for (const pair of item.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '?';
    if (!KNOWN_KEYS.has(key)) return `"${key}" is not one of ${[...KNOWN_KEYS].join(', ')}`;
  }
  const [pv, path] = [value('pv'), value('path')];
  if ((pv === undefined) === (path === undefined)) return 'name the PV by either "pv" or "path"';
  if (pv !== undefined && (typeof pv !== 'string' || !isName(pv))) return '"pv" is not a name';
  if (path !== undefined && (typeof path !== 'string' || !isPath(path))) return '"path" is not subvol/xx/yy/<pv>';
  const limit = readLimit(value('limit'));
  if (typeof limit === 'string') return limit;
  const soft = value('soft');
  if (soft !== undefined && (typeof soft !== 'number' || !(soft > 0 && soft < 1))) {
    return '"soft" is not a number above 0 and below 1';
  }
  return {
    pv: typeof pv === 'string' ? copyOf(pv) : undefined,
    path: typeof path === 'string' ? copyOf(path) : undefined,
    limitBytes: sharedBigint(limit),
    softRatio: typeof soft === 'number' ? soft : undefined,
    line,
  };
}

/** A part of a text keeps the whole of it in memory. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function readLimit(value: unknown): bigint | string {
  if (typeof value !== 'string' && !(typeof value === 'number' && Number.isSafeInteger(value))) {
    return '"limit" is not a size; write bytes or a quantity such as 10Gi';
  }
  try {
    const bytes = parseBytes(String(value));
    return bytes > 0n ? bytes : '"limit" must be 1 or more';
  } catch (error) {
    return `"limit": ${errorMessage(error)}`;
  }
}

function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= 255 && !/[/\p{Cc}]/u.test(text) && text !== '.' && text !== '..';
}

/** Only PV directories of Kadalu's layout, so that no quota can lie inside another. */
function isPath(text: string): boolean {
  const match = /^subvol\/[0-9a-f]{2}\/[0-9a-f]{2}\/(.+)$/.exec(text);
  return match?.[1] !== undefined && isName(match[1]);
}
