import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import type { Server } from './server.ts';

/**
 * Listens on `host:port`; IPv6 addresses stand in brackets.
 *
 * @returns the port that was bound, for `host:0`
 * @throws AgentError `ConfigInvalid` naming the option, e.g. when the port is taken
 */
export async function listenTcp(server: Server, option: string, address: string): Promise<number> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  try {
    await server.listen({ host, port: Number(address.slice(at + 1)) });
  } catch (cause) {
    throw new AgentError(
      'ConfigInvalid',
      `${option} ${address}: cannot listen (${errnoOf(cause) ?? errorMessage(cause)})`,
      {
        cause,
      },
    );
  }
  const bound = server.server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}
