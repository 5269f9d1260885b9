/** Remembers of one Gluster process what a single look does not show: since when it is gone, and which process answered last. */
import type { Clock } from '../lib/clock.ts';
import { isGone, keyOf } from '../process/identity.ts';
import type { ProbeFacts, ProcessFact } from './brick-probes.ts';
import { Contact } from './contact.ts';
import type { ProcessView } from './process-monitor.ts';

export interface ProcessWatchOptions {
  clock: Clock;
  diskHangs: () => boolean;
  heals: () => boolean;
}

export class ProcessWatch {
  readonly contact: Contact;
  readonly #options: ProcessWatchOptions;
  #process: ProcessFact = { kind: 'unknown', why: 'not looked at yet' };
  #provenBefore = false;
  #lookedAt: number | undefined;
  #answeredKey: string | undefined;

  constructor(options: ProcessWatchOptions) {
    this.#options = options;
    this.contact = new Contact(options.clock);
  }

  /** How a try to get an answer ended; undefined: with one. */
  note(error: unknown): void {
    this.contact.note(error);
    if (error === undefined) this.#remember();
  }

  /** A look at the pid file and /proc. */
  look(view: ProcessView | undefined): void {
    const now = this.#options.clock.monotonic();
    this.#lookedAt = now;
    this.#process = this.#fact(view, now);
    if (this.#process.kind === 'running') this.#provenBefore = true;
    if (this.answers) this.#remember();
  }

  /** The last try to get an answer had one. */
  get answers(): boolean {
    const { lastAnswerAt, missing, doubt } = this.contact.view;
    return lastAnswerAt !== undefined && missing === undefined && doubt === undefined;
  }

  facts(): ProbeFacts {
    const { clock, diskHangs, heals } = this.#options;
    return {
      now: clock.monotonic(),
      process: this.#process,
      provenBefore: this.#provenBefore,
      contact: this.contact.view,
      answeredKey: this.#answeredKey,
      diskHangs: diskHangs(),
      heals: heals(),
      lookedAt: this.#lookedAt,
    };
  }

  #remember(): void {
    if (this.#process.kind === 'running') this.#answeredKey = this.#process.key;
  }

  #fact(view: ProcessView | undefined, now: number): ProcessFact {
    const proof = view?.proof;
    if (proof === undefined) return { kind: 'unknown', why: 'not looked at yet' };
    if (proof.ok) {
      const ageMs = this.#options.clock.now() - proof.process.startedAt;
      return { kind: 'running', key: keyOf(proof.process), ageMs };
    }
    if (!isGone(proof)) return { kind: 'unknown', why: proof.message };
    const before = this.#process;
    const { since, looks } = before.kind === 'gone' ? before : { since: now, looks: 0 };
    return { kind: 'gone', since, looks: looks + 1, why: proof.message };
  }
}
