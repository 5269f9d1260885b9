/**
 * The words of a volfile.
 *
 * Gluster's lexer knows words and quoted strings separated by blanks, and comments to the end of the line; line ends have no
 * other meaning. What it would swallow, execute or print to its standard output instead of refusing (backticks, stray
 * backslashes, line ends in strings, control characters) is refused here.
 */
import type { Position, Problem } from './problem.ts';

export type Keyword = 'volume' | 'type' | 'option' | 'subvolumes' | 'end-volume';

export interface Token extends Position {
  /** A keyword that was not quoted; a quoted one is a plain word. */
  keyword: Keyword | undefined;
  text: string;
}

const KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ['volume', 'volume'],
  ['type', 'type'],
  ['option', 'option'],
  ['subvolumes', 'subvolumes'],
  // Gluster's lexer takes the last letter in both cases, and no other.
  ['subvolumeS', 'subvolumes'],
  ['end-volume', 'end-volume'],
]);

export function keywordOf(word: string): Keyword | undefined {
  return KEYWORDS.get(word);
}

export interface Lexed {
  tokens: Token[];
  problems: Problem[];
  /** Where the file ends. */
  end: Position;
}

/** One of: blanks, a comment, a string (closed or not), a word. Anything left over is a stray backslash. */
const PIECE = /([ \t\r\n]+)|(#[^\n]*)|("(?:[^"\\\n]|\\[^\n])*("?))|([^ \t\r\n"\\]+)/y;

/** @param limit stop after so many problems */
export function lex(text: string, limit: number): Lexed {
  const lines = new LineCounter(text);
  const tokens: Token[] = [];
  const problems: Problem[] = [];
  const bad = (offset: number, id: string, message: string, remedy: string): void => {
    problems.push({ id, severity: 'error', ...lines.at(offset), message, remedy });
  };
  let offset = 0;
  while (offset < text.length && problems.length < limit) {
    PIECE.lastIndex = offset;
    const match = PIECE.exec(text);
    const piece = match?.[0] ?? text.charAt(offset);
    const [, , , string, close, word] = match ?? [];
    if (match === null) {
      bad(offset, 'VF001', 'a backslash outside of a quoted string', 'GlusterFS drops it silently; quote the word');
    } else if (string !== undefined && close !== '"') {
      bad(offset, 'VF001', 'the quoted string does not end on its line', 'close it with " on the same line');
    } else if (string !== undefined) {
      const inner = string.slice(1, -1).replaceAll(/\\(.)/gu, '$1');
      if (inner === '') bad(offset, 'VF007', 'an empty string', 'GlusterFS ignores empty values; leave the option out');
      tokens.push({ keyword: undefined, text: inner, ...lines.at(offset) });
    } else if (word !== undefined) {
      tokens.push({ keyword: keywordOf(word), text: word, ...lines.at(offset) });
    }
    offset += piece.length;
  }
  return { tokens, problems, end: lines.at(text.length) };
}

/** Characters that no volfile may hold, wherever they stand, comments included. */
const FORBIDDEN = /`|[\p{Cc}--[\t\r\n]]/gv;

/** @param limit stop after so many problems */
export function findForbidden(text: string, limit: number): Problem[] {
  const lines = new LineCounter(text);
  const problems: Problem[] = [];
  for (const match of text.matchAll(FORBIDDEN)) {
    if (problems.length >= limit) break;
    problems.push({ severity: 'error', ...lines.at(match.index), ...forbidden(match[0]) });
  }
  return problems;
}

function forbidden(character: string): Pick<Problem, 'id' | 'message' | 'remedy'> {
  if (character === '`') {
    return {
      id: 'VF003',
      message:
        'a backtick: GlusterFS runs what stands between backticks as a shell command, in comments and strings too',
      remedy: 'remove it',
    };
  }
  const code = character.codePointAt(0) ?? 0;
  return {
    id: 'VF002',
    message: `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`,
    remedy: 'a volfile is plain text; remove it',
  };
}

/** Offsets to positions, for offsets that only grow; each character is looked at once. */
class LineCounter {
  readonly #text: string;
  #line = 1;
  #start = 0;
  #end: number;

  constructor(text: string) {
    this.#text = text;
    this.#end = this.#endOfLine();
  }

  at(offset: number): Position {
    while (this.#end < offset) {
      this.#line += 1;
      this.#start = this.#end + 1;
      this.#end = this.#endOfLine();
    }
    return { line: this.#line, column: offset - this.#start + 1 };
  }

  #endOfLine(): number {
    const end = this.#text.indexOf('\n', this.#start);
    return end < 0 ? this.#text.length : end;
  }
}
