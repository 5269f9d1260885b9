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

/** A quoted string, closed or not. */
const STRING = /"(?:[^"\\\n]|\\[^\n])*("?)/y;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;

/** Hands out word by word: a list of all of them would be most of what a large file costs. */
export class Lexer {
  readonly #text: string;
  readonly #limit: number;
  readonly #problems: Problem[] = [];
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  /** @param limit stop after so many problems */
  constructor(text: string, limit: number) {
    this.#text = text;
    this.#limit = limit;
  }

  /** Found so far; what was handed out means nothing once there is one. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** How far it has come. */
  get position(): Position {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  /** Undefined at the end of the file, or after too many problems. */
  next(): Token | undefined {
    const text = this.#text;
    while (this.#offset < text.length && this.#problems.length < this.#limit) {
      const offset = this.#offset;
      const code = text.charCodeAt(offset);
      if (code === LINE_FEED) {
        this.#offset = offset + 1;
        this.#line += 1;
        this.#lineStart = offset + 1;
      } else if (isBlank(code)) {
        this.#offset = offset + 1;
      } else if (code === HASH) {
        this.#offset = endOfLine(text, offset);
      } else if (code === BACKSLASH) {
        const remedy = 'GlusterFS drops it silently; quote the word';
        this.#bad('VF001', 'a backslash outside of a quoted string', remedy);
        this.#offset = offset + 1;
      } else if (code === QUOTE) {
        const token = this.#string();
        if (token !== undefined) return token;
      } else {
        return this.#word();
      }
    }
    return undefined;
  }

  #word(): Token {
    const offset = this.#offset;
    this.#offset = endOfWord(this.#text, offset);
    const text = this.#text.slice(offset, this.#offset);
    return { keyword: keywordOf(text), text, line: this.#line, column: offset - this.#lineStart + 1 };
  }

  #string(): Token | undefined {
    STRING.lastIndex = this.#offset;
    const [string, close] = STRING.exec(this.#text) ?? ['"'];
    const { line, column } = this.position;
    const inner = string.slice(1, -1).replaceAll(/\\(.)/gu, '$1');
    if (close !== '"') {
      this.#bad('VF001', 'the quoted string does not end on its line', 'close it with " on the same line');
    } else if (inner === '') {
      this.#bad('VF007', 'an empty string', 'GlusterFS ignores empty values; leave the option out');
    }
    this.#offset += string.length;
    return close === '"' ? { keyword: undefined, text: inner, line, column } : undefined;
  }

  #bad(id: string, message: string, remedy: string): void {
    this.#problems.push({ id, severity: 'error', ...this.position, message, remedy });
  }
}

function isBlank(code: number): boolean {
  return code === BLANK || code === LINE_FEED || code === TAB || code === CARRIAGE_RETURN;
}

/** Of the line that `offset` is in, without its line feed. */
function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end;
}

function endOfWord(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    if (isBlank(code) || code === QUOTE || code === BACKSLASH) break;
  }
  return end;
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
    this.#end = endOfLine(text, 0);
  }

  at(offset: number): Position {
    while (this.#end < offset) {
      this.#line += 1;
      this.#start = this.#end + 1;
      this.#end = endOfLine(this.#text, this.#start);
    }
    return { line: this.#line, column: offset - this.#start + 1 };
  }
}
