/** Answers that are made piece by piece, no faster than they are taken. */
import type { FastifyReply } from 'fastify';
import { AgentError } from '../../lib/errors.ts';

/**
 * Sends pieces one after the other: the next one is asked for when the socket has taken the last, so there is one at a time.
 * The framework's streams ask for more while pieces are on their way. An error before the first piece is the answer; a later one, or a caller
 * who goes, ends the connection.
 *
 * @param reply with its headers set
 * @param pieces one character a byte
 * @throws what making the first piece throws
 */
export async function sendPieces(reply: FastifyReply, pieces: AsyncIterable<string>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  let next = await iterator.next();
  reply.hijack();
  const { raw, request } = reply;
  try {
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.setHeader('x-request-id', request.id);
    raw.writeHead(reply.statusCode);
    while (next.done !== true && request.method !== 'HEAD') {
      await write(raw, next.value);
      next = await iterator.next();
    }
    raw.end();
  } catch (err) {
    if (!raw.destroyed) request.log.error({ err }, 'the answer breaks off');
    raw.destroy();
  } finally {
    await iterator.return?.();
  }
}

async function write(raw: FastifyReply['raw'], piece: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // What waits for its turn behind another answer of a connection is not told that the connection ends.
    const gone = (): void => reject(new AgentError('Aborted', 'who asked is gone'));
    raw.once('close', gone);
    raw.write(piece, 'latin1', (error) => {
      raw.off('close', gone);
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}
