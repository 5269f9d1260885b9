/**
 * Reads a volfile as GlusterFS's own parser does, and refuses what that one would trip over: a file that a running 11.1
 * process fails to parse leaves its parser broken until a restart, so this parser has to be the stricter of the two.
 *
 * The grammar is one of words, not of lines: `volume NAME`, then `type TYPE`, then options with at most one `subvolumes` among
 * them, then `end-volume`; a volume with neither options nor subvolumes is an error, and a subvolume must be defined before
 * it is used (so there can be no cycle).
 */
import { findForbidden, Lexer, type Token } from './lexer.ts';
import type { Graph, OptionEntry, Volume } from './model.ts';
import { hasErrors, quote, WHOLE_FILE, type Position, type Problem } from './problem.ts';

export type ParseResult = { ok: true; graph: Graph } | { ok: false; problems: Problem[] };

/** A ConfigMap holds 1 MiB in all; a brick's volfile has 3 KiB. In bytes. */
export const MAX_VOLFILE_BYTES = 1024 * 1024;

/** More than this of one file helps nobody. */
export const MAX_PROBLEMS = 20;

/**
 * Each array is parsed once: several look at a file that was read once, and a large one stops the main thread for a tenth of a second.
 *
 * @param source bytes of the file, which never change; hostile until parsed
 */
export function parseVolfile(source: Uint8Array): ParseResult {
  const known = PARSED.get(source);
  if (known !== undefined) return known;
  const result = parseBytes(source);
  PARSED.set(source, result);
  return result;
}

const PARSED = new WeakMap<Uint8Array, ParseResult>();

function parseBytes(source: Uint8Array): ParseResult {
  if (source.length > MAX_VOLFILE_BYTES) {
    return { ok: false, problems: [tooLarge(source.length)] };
  }
  const text = decode(source);
  if (text === undefined) return failed('VF002', 'the file is not UTF-8', 'save it as UTF-8');
  if (text.startsWith('\uFEFF'))
    return failed('VF002', 'the file starts with a byte order mark', 'save it without one');
  return parseText(text);
}

/** As parseVolfile, for text that is already decoded. */
export function parseText(text: string): ParseResult {
  const forbidden = findForbidden(text, MAX_PROBLEMS);
  if (forbidden.length > 0) return { ok: false, problems: forbidden };
  return new Parser(new Lexer(text, MAX_PROBLEMS)).parse();
}

function decode(source: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
  } catch {
    return undefined;
  }
}

/** What is said of a file of that many bytes; so nobody has to read it for that. */
export function tooLarge(bytes: number): Problem {
  const message = `${bytes} bytes are more than ${MAX_VOLFILE_BYTES}`;
  return { id: 'VF004', severity: 'error', ...WHOLE_FILE, message, remedy: 'split the file' };
}

function failed(id: string, message: string, remedy: string): ParseResult {
  return { ok: false, problems: [{ id, severity: 'error', ...WHOLE_FILE, message, remedy }] };
}

/** Thrown and caught in this file only: the rest of the volume is skipped. */
class SkipVolume extends Error {}

interface Draft {
  name: string;
  type: string | undefined;
  options: Map<string, OptionEntry>;
  overridden: OptionEntry[];
  subvolumes: string[] | undefined;
  at: Position;
}

class Parser {
  readonly #lexer: Lexer;
  readonly #problems: Problem[] = [];
  readonly #volumes = new Map<string, Volume>();
  /** Also of volumes that were given up, so that one fault is not reported again by everything above it. */
  readonly #names = new Set<string>();
  #token: Token | undefined;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
    this.#token = lexer.next();
  }

  parse(): ParseResult {
    while (this.#token !== undefined && this.#problems.length < MAX_PROBLEMS) this.#parseVolume();
    while (this.#token !== undefined) this.#advance();
    // A stray sign shifts all that follows it, so it is told alone.
    if (this.#lexer.problems.length > 0) return { ok: false, problems: [...this.#lexer.problems] };
    if (this.#volumes.size === 0 && this.#problems.length === 0) {
      this.#report('VF001', WHOLE_FILE, 'the file defines no volume', 'write at least one volume ... end-volume block');
    }
    if (hasErrors(this.#problems)) return { ok: false, problems: this.#problems };
    return { ok: true, graph: { volumes: [...this.#volumes.values()], byName: this.#volumes } };
  }

  #parseVolume(): void {
    try {
      const draft = this.#header();
      while (this.#token?.keyword !== 'end-volume') this.#statement(draft);
      this.#finish(draft);
      this.#advance();
    } catch (error) {
      if (!(error instanceof SkipVolume)) throw error;
      this.#skip();
    }
  }

  #header(): Draft {
    const at = this.#token;
    if (at?.keyword !== 'volume') {
      this.#stop(at, `${show(at)} stands outside of any volume`, 'start with volume NAME, end with end-volume');
    }
    this.#advance();
    const name = this.#word(() => 'the name of the volume', 'write volume NAME', at);
    if (this.#names.has(name.text)) {
      this.#report('VF005', name, `the volume ${quote(name.text)} is defined again`, 'give each volume its own name');
    }
    this.#names.add(name.text);
    return {
      name: name.text,
      type: undefined,
      options: new Map(),
      overridden: [],
      subvolumes: undefined,
      at: { line: at.line, column: at.column },
    };
  }

  #statement(draft: Draft): void {
    const token = this.#token;
    const named = (): string => `volume ${quote(draft.name)}`;
    if (token === undefined || token.keyword === 'volume') {
      this.#stop(token, `${named()} has no end-volume`, 'close it before the next volume or the end of the file');
    }
    this.#advance();
    if (token.keyword !== 'type' && draft.type === undefined && token.keyword !== undefined) {
      this.#stop(token, `${named()} does not begin with its type`, 'write type CATEGORY/NAME right after volume NAME');
    }
    switch (token.keyword) {
      case 'type':
        if (draft.type !== undefined) this.#stop(token, `${named()} has a second type`, 'keep one');
        draft.type = this.#word(() => `the type of ${named()}`, 'write type CATEGORY/NAME', token).text;
        break;
      case 'option':
        this.#option(draft, token);
        break;
      case 'subvolumes':
        if (draft.subvolumes !== undefined)
          this.#stop(token, `${named()} has a second subvolumes`, 'write them in one');
        draft.subvolumes = this.#subvolumes(draft, token);
        break;
      case 'end-volume':
      case undefined:
        this.#stop(token, `${quote(token.text)} is not expected in ${named()}`, 'quote values that hold blanks');
    }
  }

  #option(draft: Draft, token: Token): void {
    const key = this.#word(
      () => `the name of an option of volume ${quote(draft.name)}`,
      'write option NAME VALUE',
      token,
    ).text;
    const value = this.#word(() => `the value of option ${quote(key)}`, 'write option NAME VALUE', token).text;
    const before = draft.options.get(key);
    if (before !== undefined) draft.overridden.push(before);
    draft.options.set(key, { key, value, at: { line: token.line, column: token.column } });
  }

  #subvolumes(draft: Draft, token: Token): string[] {
    const names: string[] = [];
    for (let name = this.#token; name !== undefined && name.keyword === undefined; name = this.#token) {
      this.#advance();
      if (this.#problems.length >= MAX_PROBLEMS) throw new SkipVolume();
      if (!this.#names.has(name.text) || name.text === draft.name) {
        const why = name.text === draft.name ? 'is itself' : 'is not defined before it is used';
        this.#report(
          'VF006',
          name,
          `the subvolume ${quote(name.text)} of volume ${quote(draft.name)} ${why}`,
          'define subvolumes first',
        );
      }
      names.push(name.text);
    }
    if (names.length === 0) {
      this.#stop(token, `subvolumes of volume ${quote(draft.name)} names none`, 'name them, or leave the line out');
    }
    return names;
  }

  #finish(draft: Draft): void {
    const { name, type, options, overridden, subvolumes, at } = draft;
    if (type === undefined) this.#stop(this.#token, `volume ${quote(name)} has no type`, 'write type CATEGORY/NAME');
    if (options.size === 0 && subvolumes === undefined) {
      const remedy = 'give it one; GlusterFS takes this for a syntax error';
      this.#stop(this.#token, `volume ${quote(name)} has neither options nor subvolumes`, remedy);
    }
    if (this.#volumes.has(name)) return;
    this.#volumes.set(name, { name, type, options, overridden, subvolumes: subvolumes ?? [], at });
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  /** @param statement the keyword that wants the word: it is what a reader looks for, even when the next line is reached */
  #word(what: () => string, remedy: string, statement: Token): Token {
    const token = this.#token;
    if (token === undefined) this.#stop(statement, `the file ends where ${what()} should stand`, remedy);
    if (token.keyword !== undefined) {
      this.#stop(
        statement,
        `the keyword ${token.text} stands where ${what()} should`,
        `${remedy}; quote it if it is meant`,
      );
    }
    this.#advance();
    return token;
  }

  #report(id: string, at: Position, message: string, remedy: string): void {
    this.#problems.push({ id, severity: 'error', line: at.line, column: at.column, message, remedy });
  }

  #stop(at: Token | undefined, message: string, remedy: string): never {
    this.#report('VF001', at ?? this.#lexer.position, message, remedy);
    throw new SkipVolume();
  }

  /** To behind the next end-volume, or before the next volume: one fault is reported once, and the next volumes are checked. */
  #skip(): void {
    while (this.#token !== undefined && !this.#atBoundary()) this.#advance();
    if (this.#token?.keyword === 'end-volume') this.#advance();
  }

  #atBoundary(): boolean {
    const keyword = this.#token?.keyword;
    return keyword === 'end-volume' || keyword === 'volume';
  }
}

function show(token: Token | undefined): string {
  return token === undefined ? 'the end of the file' : quote(token.text);
}
