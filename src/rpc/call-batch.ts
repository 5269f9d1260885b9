/** Many calls of one procedure as one: one timer, one listener and one promise serve them all. */
import { isAgentError, type AgentError } from '../lib/errors.ts';
import type { Credential } from './credential.ts';
import type { Procedure, ProcedureInfo } from './programs/procedure.ts';
import type { XdrReader, XdrWriter } from './xdr.ts';

/** A call on its way. */
export interface Call {
  readonly procedure: ProcedureInfo;
  readonly credential: Credential;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** 0 while it waits for a slot. */
  xid: number;
  /** Writes the arguments. @throws AgentError `BadRequest` */
  encode(writer: XdrWriter): void;
  /** Reads the results and hands them over. @throws AgentError */
  deliver(reader: XdrReader): void;
  /** Hands over the error in place of results. */
  fail(error: AgentError): void;
  /** Once, with either of the two: what was set up for the call goes. */
  settled(): void;
}

export interface BatchOptions<Input, Output> {
  procedure: Procedure<Input, Output>;
  inputs: readonly Input[];
  credential: Credential;
  /** Calls under way at a time. */
  width: number;
  /** Milliseconds without any answer. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** What it ends with when no answer comes, and when the signal fires. */
  timedOut: () => AgentError;
  givenUp: () => AgentError;
  monotonic: () => number;
  /** Sends a call, now or when there is a slot for it. */
  send: (call: Call) => void;
  giveUp: (call: Call, error: AgentError) => void;
}

export class CallBatch<Input, Output> {
  readonly #options: BatchOptions<Input, Output>;
  readonly #results: (Output | AgentError)[];
  readonly #flying = new Set<BatchCall<Input, Output>>();
  readonly #outcome = Promise.withResolvers<(Output | AgentError)[]>();
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #isOver = false;

  constructor(options: BatchOptions<Input, Output>) {
    this.#options = options;
    this.#results = Array.from({ length: options.inputs.length });
  }

  /**
   * @returns in the order of the inputs; a `GlusterError` stands in the place of its call's results
   * @throws AgentError any other, as soon as one call has it: the others are given up
   */
  async run(): Promise<(Output | AgentError)[]> {
    const { timeoutMs, timedOut, givenUp, signal } = this.#options;
    this.#timer = setTimeout(() => this.#end(timedOut()), timeoutMs);
    const abort = (): void => this.#end(givenUp());
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#fill();
      return await this.#outcome.promise;
    } finally {
      clearTimeout(this.#timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  settle(call: BatchCall<Input, Output>, result: Output | AgentError): void {
    this.#flying.delete(call);
    if (this.#isOver) return;
    if (isAgentError(result) && result.code !== 'GlusterError') {
      this.#end(result);
      return;
    }
    this.#results[call.index] = result;
    this.#timer?.refresh();
    // Half a width at a time: each turn that sends is a write, and answers come one by one.
    if (this.#flying.size <= this.#options.width / 2) this.#fill();
  }

  #fill(): void {
    const { inputs, width, send } = this.#options;
    while (!this.#isOver && this.#next < inputs.length && this.#flying.size < width) {
      const call = new BatchCall(this, this.#options, this.#next);
      this.#next += 1;
      this.#flying.add(call);
      send(call);
    }
    if (!this.#isOver && this.#flying.size === 0) {
      this.#isOver = true;
      this.#outcome.resolve(this.#results);
    }
  }

  #end(error: AgentError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outcome.reject(error);
    for (const call of this.#flying) this.#options.giveUp(call, error);
  }
}

class BatchCall<Input, Output> implements Call {
  readonly procedure: Procedure<Input, Output>;
  readonly credential: Credential;
  readonly startedAt: number;
  readonly index: number;
  readonly #batch: CallBatch<Input, Output>;
  readonly #input: Input;
  xid = 0;

  constructor(batch: CallBatch<Input, Output>, options: BatchOptions<Input, Output>, index: number) {
    this.#batch = batch;
    this.procedure = options.procedure;
    this.credential = options.credential;
    this.startedAt = options.monotonic();
    this.index = index;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an index within the list
    this.#input = options.inputs[index] as Input;
  }

  encode(writer: XdrWriter): void {
    this.procedure.encode(writer, this.#input);
  }

  deliver(reader: XdrReader): void {
    const output = this.procedure.decode(reader);
    this.#batch.settle(this, output);
  }

  fail(error: AgentError): void {
    this.#batch.settle(this, error);
  }

  settled(): void {
    // One timer serves all calls of the batch.
  }
}
