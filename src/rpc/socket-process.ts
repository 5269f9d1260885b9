/** A process that is known by its socket alone, since /proc does not show it: whether it is the same one still, and its end. */
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { isSame, type ProcessIdentity, type SocketLook } from '../process/process-identity.ts';
import { boundBy } from '../process/socket-file.ts';
import type { RpcObserver } from './connection.ts';
import { ManagementClient } from './management-client.ts';

export interface SocketProcessOptions {
  socketPath: string;
  /** What only the process meant answers to: a brick by its name; undefined: whoever listens. */
  brickName?: string | undefined;
  clock: Clock;
  observer?: RpcObserver | undefined;
}

/**
 * A brick counts the seconds since its translators began, which is after it has bound its socket. Both are of one clock, so steps of it
 * do no harm; seconds are whole ones. In milliseconds.
 */
const AGE_SLACK_MS = 2000;

export class SocketProcess {
  readonly #options: SocketProcessOptions;

  constructor(options: SocketProcessOptions) {
    this.#options = options;
  }

  /** Expected failures are results. @throws AgentError `Aborted` when the signal fires */
  async look(signal: AbortSignal): Promise<SocketLook> {
    const client = this.#connect();
    try {
      const before = await this.#bound();
      if (before === undefined) return { state: 'silent', message: `${this.#options.socketPath} does not exist` };
      const doubt = await this.#ask(client, before, signal);
      if (doubt !== undefined) return { state: 'unsure', message: doubt };
      // Asked over a connection of its own: between two looks that find one file, nobody else could answer.
      if (!isSame(before, await this.#bound()))
        return { state: 'unsure', message: 'its socket changed while it was asked' };
      return { state: 'answers', identity: before };
    } catch (error) {
      if (signal.aborted && isAgentError(error, 'Aborted')) throw error;
      const message = errorMessage(error);
      const isAnswer = isAgentError(error, 'GlusterError', 'RpcRejected', 'RpcProtocol');
      return { state: isAnswer ? 'unsure' : 'silent', message };
    } finally {
      client.close();
    }
  }

  /**
   * Ends the process by taking its translators away, one after the other: with the last one it ends (measured on 11.1, for bricks and for
   * self-heal daemons). A name that it does not have does nothing.
   *
   * @param identity what `look` has found; another process is left alone
   * @throws AgentError `ProcessUnproven` when it is another one by now; those of `ManagementClient.terminate`
   */
  async terminate(identity: ProcessIdentity, names: readonly string[], signal: AbortSignal): Promise<void> {
    const client = this.#connect();
    try {
      await client.terminateAll(names, async () => isSame(identity, await this.#bound()), signal);
    } finally {
      client.close();
    }
  }

  async #bound(): Promise<ProcessIdentity | undefined> {
    return await boundBy(this.#options.socketPath);
  }

  #connect(): ManagementClient {
    const { socketPath, clock, observer } = this.#options;
    return new ManagementClient({ socketPath, clock, observer });
  }

  /** @returns why it is not sure who answers */
  async #ask(client: ManagementClient, bound: ProcessIdentity, signal: AbortSignal): Promise<string | undefined> {
    const { brickName, clock } = this.#options;
    if (brickName === undefined) {
      await client.programs(signal);
      return undefined;
    }
    const { seconds } = await client.xlatorInfo(brickName, signal);
    if (seconds === undefined) return undefined;
    const countsSince = clock.now() - Number(seconds) * 1000;
    if (countsSince >= bound.startedAt - AGE_SLACK_MS) return undefined;
    return `the brick has served for ${seconds} s, and its socket is younger: who bound it is not known`;
  }
}
