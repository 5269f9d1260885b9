/** Writes events to the API server, one after the other, whatever becomes of them: no duty waits for it, and none hears of its failures. */
import { Backoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ApiRequest, ApiResult } from './api-client.ts';
import { eventBody, eventName, stableName, microTime, type EventSeries, type PodIdentity } from './event-body.ts';
import type { AgentEvent } from './event-kinds.ts';
import { EventSeriesBook, type Series } from './series.ts';
import { troubleOf, type EventTrouble } from './trouble.ts';

/** Series that wait to be written: more than all budgets together allow at once. */
export const MAX_QUEUE = 128;
/** An event that could not be written so often, over some minutes, is given up. */
export const MAX_TRIES = 12;
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
/** After a look whether events may be written has failed, the next; in milliseconds. */
const CHECK_AGAIN_MS = 60_000;

export interface EventsStatus {
  sent: number;
  /** Given up: refused by the API server, or not answered. */
  failed: number;
  /** Never sent: over the budget of their duty (`rate`), or more than the queue holds (`queue`). */
  dropped: { rate: number; queue: number };
  /** Of the last request; undefined: it was fine, or there was none. */
  trouble: EventTrouble | undefined;
  /** Wall-clock milliseconds of the last request that was fine. */
  lastSuccessAt: number | undefined;
}

export interface RecorderOptions {
  pod: PodIdentity;
  api: { send: (request: ApiRequest, signal: AbortSignal) => Promise<ApiResult> };
  clock: Clock;
  log: Log;
  random?: () => number;
}

interface Waiting {
  series: Series;
  /** Of the Event on the server, or as it is to be there. */
  name: string;
  tries: number;
}

export class EventRecorder {
  readonly #options: RecorderOptions;
  readonly #book: EventSeriesBook;
  readonly #backoff: Backoff;
  readonly #queue: Waiting[] = [];
  /** Names on the server, as far as this agent has written them. */
  readonly #names = new WeakMap<Series, string>();
  readonly #counts = { sent: 0, failed: 0, rate: 0, queue: 0 };
  #trouble: EventTrouble | undefined;
  #lastSuccessAt: number | undefined;
  /** Monotonic milliseconds before which nothing is sent. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #isChecked = false;
  #named = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#backoff = new Backoff(MIN_PAUSE_MS, MAX_PAUSE_MS, options.random);
    this.#book = new EventSeriesBook((events) => {
      this.#counts.rate += events;
    });
  }

  get status(): EventsStatus {
    const { sent, failed, rate, queue } = this.#counts;
    return { sent, failed, dropped: { rate, queue }, trouble: this.#trouble, lastSuccessAt: this.#lastSuccessAt };
  }

  /** Takes no time and fails never: what cannot be kept is counted. */
  record(event: AgentEvent): void {
    const series = this.#book.note(event, this.#moment());
    if (series !== undefined) this.#enqueue(series);
  }

  /** Sends what waits, until something is in the way. Never rejects. */
  async pass(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (const series of this.#book.due(clock.monotonic())) this.#enqueue(series);
    while (!signal.aborted && clock.monotonic() >= this.#notBefore) {
      const [next] = this.#queue;
      if (next === undefined) {
        if (this.#isChecked) return;
        await this.#check(signal);
      } else if (await this.#send(next, signal)) {
        this.#queue.shift();
      }
    }
  }

  #enqueue(series: Series): void {
    if (this.#queue.some((waiting) => waiting.series === series)) return;
    if (this.#queue.length >= MAX_QUEUE) {
      this.#counts.queue += series.count - series.written;
      this.#book.drop(series);
      return;
    }
    this.#queue.push({
      series,
      name: this.#names.get(series) ?? stableName(this.#options.pod, series.event),
      tries: 0,
    });
  }

  /** @returns whether there is nothing left to do about it */
  async #send(waiting: Waiting, signal: AbortSignal): Promise<boolean> {
    const { series } = waiting;
    const count = series.count;
    const isThere = this.#names.has(series);
    const result = await this.#options.api.send(this.#requestFor(waiting, isThere), signal);
    if (signal.aborted) return false;
    waiting.tries += 1;
    const status = result.kind === 'Answered' ? result.status : 0;
    if (status >= 200 && status < 300) return this.#written(waiting, count);
    if (isThere && status === 404) {
      // It has expired meanwhile: the series goes on in a new one.
      this.#names.delete(series);
      waiting.name = this.#nextName();
      return false;
    }
    if (!isThere && status === 409) return this.#alreadyThere(waiting, count);
    return this.#failed(waiting, result);
  }

  #requestFor({ series, name }: Waiting, isThere: boolean): ApiRequest {
    const { pod } = this.#options;
    const { count, lastAt, event, firstAt } = series;
    const repeated: EventSeries | undefined = count < 2 ? undefined : { count, lastObservedTime: microTime(lastAt) };
    const path = this.#path();
    if (isThere) return { method: 'PATCH', path: `${path}/${name}`, body: { series: repeated } };
    return { method: 'POST', path, body: eventBody(pod, { name, event, at: firstAt, series: repeated }) };
  }

  #written({ series, name }: Waiting, count: number): true {
    this.#counts.sent += 1;
    series.written = count;
    this.#names.set(series, name);
    this.#fine();
    return true;
  }

  /**
   * The same thing has the same name each time, so the API server remembers for an agent that was restarted. How often was told is not known here, so what happens
   * again is an Event of its own. @returns whether there is nothing left to do about it
   */
  #alreadyThere(waiting: Waiting, count: number): boolean {
    // An earlier try of ours arrived after all.
    if (waiting.tries > 1) return this.#written(waiting, count);
    if (waiting.series.event.isFirst) {
      this.#book.drop(waiting.series);
      this.#fine();
      return true;
    }
    waiting.name = this.#nextName();
    return false;
  }

  /** @returns whether it is given up */
  #failed(waiting: Waiting, result: ApiResult): boolean {
    const { clock } = this.#options;
    const trouble = this.#note(result);
    if (!trouble.passes || waiting.tries >= MAX_TRIES) {
      this.#counts.failed += 1;
      this.#book.drop(waiting.series);
      // The next is tried at once where this one alone was refused.
      if (!trouble.passes) return true;
    }
    this.#notBefore = clock.monotonic() + Math.max(trouble.retryAfterMs ?? 0, this.#backoff.next());
    return waiting.tries >= MAX_TRIES;
  }

  /** Whether events may be created and patched, without writing one: what is wrong is known before there is something to tell. */
  async #check(signal: AbortSignal): Promise<void> {
    const { pod, api, clock } = this.#options;
    this.#isChecked = true;
    const name = eventName(pod, 'may-write');
    const event = { reason: 'BrickUnfenced', note: 'not written: a look whether events may be' } as const;
    const body = eventBody(pod, { name, event, at: clock.now(), series: undefined });
    const created = await api.send({ method: 'POST', path: `${this.#path()}?dryRun=All`, body }, signal);
    const patch = { series: { count: 2, lastObservedTime: microTime(clock.now()) } };
    const path = `${this.#path()}/${name}?dryRun=All`;
    const patched = await api.send({ method: 'PATCH', path, body: patch }, signal);
    if (signal.aborted) return;
    const isCreated = created.kind === 'Answered' && (created.status < 300 || created.status === 409);
    // Whoever may not is told so before anybody looks whether it is there, which it is not.
    const isPatched = patched.kind === 'Answered' && (patched.status < 300 || patched.status === 404);
    if (isCreated && isPatched) this.#fine();
    else {
      this.#note(isCreated ? patched : created);
      this.#isChecked = false;
      this.#notBefore = clock.monotonic() + CHECK_AGAIN_MS;
    }
  }

  #fine(): void {
    const { clock, log } = this.#options;
    if (this.#trouble !== undefined) log.info({}, 'events can be written again');
    this.#trouble = undefined;
    this.#isChecked = true;
    this.#lastSuccessAt = clock.now();
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#backoff.reset();
  }

  /** Logged once, and again when it changes. */
  #note(result: ApiResult): EventTrouble {
    const { clock, log, pod } = this.#options;
    const trouble = troubleOf(result, pod, clock.now());
    if (trouble.message !== this.#trouble?.message) {
      log.warn({ reason: trouble.reason, remedy: trouble.remedy }, `an event cannot be written: ${trouble.message}`);
    }
    this.#trouble = trouble;
    return trouble;
  }

  #path(): string {
    return `/apis/events.k8s.io/v1/namespaces/${this.#options.pod.namespace}/events`;
  }

  #nextName(): string {
    const { pod, clock } = this.#options;
    this.#named = (this.#named + 1) % 0x1000;
    return eventName(pod, `${clock.now().toString(16)}${this.#named.toString(16).padStart(3, '0')}`);
  }

  #moment(): { now: number; at: number } {
    const { clock } = this.#options;
    return { now: clock.now(), at: clock.monotonic() };
  }
}
