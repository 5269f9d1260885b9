/** How the demo talks: numbered headings, ticks for what was checked, commands a person would type, progress on long steps. */
import { styleText } from 'node:util';
import { AgentError } from '../../src/lib/errors.ts';
import { formatDuration } from '../../src/lib/units.ts';

/** Lines stay below 100 columns; what tools print is cut there. */
const WIDTH = 98;
const SPINNER_MS = 120;
/** Without a terminal, progress is a line now and then. */
const LOG_EVERY_MS = 3_000;

type Style = Parameters<typeof styleText>[0];

export class Stage {
  readonly #out: NodeJS.WriteStream;
  readonly #start = performance.now();
  #chapter = 0;
  #checks = 0;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Claims that were checked so far. */
  get checks(): number {
    return this.#checks;
  }

  get elapsed(): string {
    return formatDuration(performance.now() - this.#start);
  }

  heading(title: string): void {
    this.#chapter += 1;
    const number = `${this.#chapter}.`;
    this.#line('');
    this.#line(`${this.#paint(['bold', 'cyan'], `${number} ${title}`)} ${this.#paint('dim', `(${this.elapsed})`)}`);
  }

  /** What happens and why, in whole sentences. */
  say(text: string): void {
    for (const line of wrap(text, WIDTH - 3)) this.#line(`   ${line}`);
  }

  /** What a person would type for this, and what it printed. */
  command(command: string, output?: string): void {
    const [first = '', ...more] = wrap(command, WIDTH - 8, SHELL_WORDS);
    const end = more.length === 0 ? '' : ' \\';
    this.#line(`   ${this.#paint('yellow', `$ ${first}${end}`)}`);
    for (const [index, line] of more.entries()) {
      this.#line(`       ${this.#paint('yellow', `${line}${index === more.length - 1 ? '' : ' \\'}`)}`);
    }
    if (output !== undefined) this.output(output);
  }

  output(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.#line(this.#paint('dim', cut(`     ${line.trimEnd()}`)));
  }

  /** What the agent says, in full. */
  note(text: string): void {
    for (const line of wrap(text, WIDTH - 5)) this.#line(this.#paint('dim', `     ${line}`));
  }

  /**
   * A claim, printed as true only when it is.
   *
   * @throws AgentError `Conflict` with what was seen instead
   */
  check(claim: string, holds: boolean, seen?: string): void {
    if (!holds) throw new AgentError('Conflict', `not so: ${claim}${seen === undefined ? '' : `; seen: ${seen}`}`);
    this.#checks += 1;
    const [first = '', ...more] = wrap(claim, WIDTH - 5);
    this.#line(`   ${this.#paint('green', '✔')} ${first}`);
    for (const line of more) this.#line(`     ${line}`);
  }

  /** A claim whose truth is the work: `work` throws when it is not so, and may report where it is. */
  async until<T>(claim: string, work: (report: (text: string) => void) => Promise<T>): Promise<T> {
    const start = performance.now();
    const progress = this.#out.isTTY ? this.#spinner(claim) : this.#slowLines();
    let result: T;
    try {
      result = await work((text) => progress.report(text));
    } finally {
      progress.end();
    }
    this.check(`${claim} ${this.#paint('dim', `(${formatDuration(performance.now() - start)})`)}`, true);
    return result;
  }

  failed(message: string): void {
    this.#line('');
    for (const line of message.split('\n')) this.#line(`   ${this.#paint('red', '✘')} ${line}`);
  }

  end(text: string): void {
    this.#line('');
    this.#line(this.#paint(['bold', 'green'], text));
  }

  #spinner(claim: string): Progress {
    let detail = '';
    let frame = 0;
    const draw = (): void => {
      frame += 1;
      const text = cut(`   ${'◐◓◑◒'[frame % 4]} ${claim}${detail === '' ? '' : `: ${detail}`}`);
      this.#out.write(`\r\u001B[2K${text}`);
    };
    const timer = setInterval(draw, SPINNER_MS);
    draw();
    return {
      report: (text) => {
        detail = text;
      },
      end: () => {
        clearInterval(timer);
        this.#out.write('\r\u001B[2K');
      },
    };
  }

  #slowLines(): Progress {
    let last = performance.now();
    return {
      report: (text) => {
        const now = performance.now();
        if (now - last < LOG_EVERY_MS) return;
        last = now;
        this.#line(`     … ${text}`);
      },
      end: () => undefined,
    };
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  #paint(style: Style, text: string): string {
    // Knows NO_COLOR and whether this is a terminal.
    return styleText(style, text, { stream: this.#out });
  }
}

interface Progress {
  report(text: string): void;
  end(): void;
}

function cut(text: string): string {
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text;
}

/** A quoted argument with its blanks is one word. */
const SHELL_WORDS = /(?:"[^"]*"|'[^']*'|\S)+/g;

function wrap(text: string, width: number, words = /\S+/g): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [word] of text.matchAll(words)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
