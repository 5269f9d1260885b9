/**
 * Cuts the text of a quota file into pieces that are YAML each, since the tree of a file of 10,000 entries takes some 300 MB.
 *
 * Only the plain shape is cut: a line `quotas:`, then entries that begin with `- ` in one column, their other lines further in.
 */

/** One piece: `quotas:` and some of the entries. */
export interface QuotaFilePiece {
  text: string;
  /** To be added to a line of the piece, to have that of the file. */
  lineOffset: number;
}

/** Lines in a piece, at least; the tree of such a piece takes a megabyte. */
export const PIECE_LINES = 256;
const HEAD = /^quotas:[ ]*(?:#.*)?\r?$/;
const BLANK_OR_COMMENT = /^[ ]*(?:#.*)?\r?$/;
/** The column of an entry's dash. */
const ENTRY = /^( *)- /;
const HEAD_LINE = 'quotas:\n';

/** @returns undefined for a file of another shape, which is to be parsed as a whole */
export function quotaFilePieces(text: string, pieceLines: number): QuotaFilePiece[] | undefined {
  const lines = text.split('\n');
  let head = 0;
  while (head < lines.length && BLANK_OR_COMMENT.test(lines[head] ?? '')) head += 1;
  if (!HEAD.test(lines[head] ?? '')) return undefined;
  const starts = entryStarts(lines, head + 1);
  if (starts === undefined) return undefined;
  const pieces: QuotaFilePiece[] = [];
  let from = head + 1;
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? lines.length;
    if (end - from < pieceLines && end !== lines.length) continue;
    // Comments before the first entry belong to nothing.
    const first = from === head + 1 ? (starts[0] ?? start) : from;
    const ending = end === lines.length ? '' : '\n';
    pieces.push({ text: `${HEAD_LINE}${lines.slice(first, end).join('\n')}${ending}`, lineOffset: first - 1 });
    from = end;
  }
  return pieces;
}

/** Numbers of the lines with which entries begin, from 0; undefined when some line is neither part of an entry nor empty. */
function entryStarts(lines: readonly string[], from: number): number[] | undefined {
  let column: string | undefined;
  const starts: number[] = [];
  for (let index = from; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (BLANK_OR_COMMENT.test(line)) continue;
    const dash = ENTRY.exec(line)?.[1];
    column ??= dash;
    if (column === undefined) return undefined;
    if (dash === column) starts.push(index);
    else if (!line.startsWith(`${column} `)) return undefined;
  }
  return starts.length > 0 ? starts : undefined;
}
