import type { Collector } from '../registry.ts';

interface ProcedureCount {
  calls: Map<string, number>;
  milliseconds: number;
}

/**
 * Counts RPC calls by procedure and outcome. The two clients report each call here; the number of series is bounded by the
 * procedures and error codes that exist in the source.
 */
export class RpcCounter {
  readonly #procedures = new Map<string, ProcedureCount>();

  /** @param outcome `ok` or the code of the error; @param ms time from sending to the reply, in milliseconds */
  call(procedure: string, outcome: string, ms: number): void {
    let count = this.#procedures.get(procedure);
    if (count === undefined) {
      count = { calls: new Map(), milliseconds: 0 };
      this.#procedures.set(procedure, count);
    }
    count.calls.set(outcome, (count.calls.get(outcome) ?? 0) + 1);
    count.milliseconds += ms;
  }

  collector(): Collector {
    return {
      name: 'rpc',
      collect: (emit) => {
        for (const [procedure, { calls, milliseconds }] of this.#procedures) {
          for (const [outcome, n] of calls) emit('gluster_rpc_calls_total', { procedure, outcome }, n);
          emit('gluster_rpc_call_seconds_total', { procedure }, milliseconds / 1000);
        }
      },
    };
  }
}
