/** The agent's API on a unix socket, over services that the test sets. */
import { createApiServer } from '../../src/agent/http/api-server.ts';
import type { Server } from '../../src/agent/http/server.ts';
import { SocketClaim } from '../../src/agent/http/socket-claim.ts';
import { FakeServices, silentPino } from './fake-api.ts';
import { TemporaryDirectory } from './temporary.ts';

export class ApiSocket {
  readonly services = new FakeServices();
  readonly path: string;
  readonly #directory: TemporaryDirectory;
  #server: Server | undefined;

  /** Of the socket. */
  get directory(): string {
    return this.#directory.path;
  }

  private constructor(name: string) {
    this.#directory = new TemporaryDirectory(name);
    this.path = `${this.#directory.path}/agent.sock`;
  }

  static async listen(name: string): Promise<ApiSocket> {
    const socket = new ApiSocket(name);
    const { services, path } = socket;
    const claim = await SocketClaim.bind('socketPath', path);
    socket.#server = await createApiServer({ services, log: silentPino, version: '1.2.3', token: undefined, claim });
    return socket;
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#directory[Symbol.dispose]();
  }
}
