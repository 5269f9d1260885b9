/** Ending with open connections; on a real socket, as keep-alive is what it is about. */
import net from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createServer } from '../../../../src/agent/http/server.ts';
import { silentPino } from '../../../support/fake-api.ts';
import { TemporaryDirectory } from '../../../support/temporary.ts';

const GET_SLOW = 'GET /slow HTTP/1.1\r\nhost: x\r\n\r\n';
const GET_FAST = 'GET /fast HTTP/1.1\r\nhost: x\r\n\r\n';

async function connect(path: string): Promise<{ socket: net.Socket; received: () => string }> {
  const socket = net.connect(path);
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  await once(socket, 'connect');
  return { socket, received: () => text };
}

it('A closing server finishes what runs, refuses what comes, and waits for no idle connection', async () => {
  using directory = new TemporaryDirectory('closing');
  const path = `${directory.path}/s`;
  const server = createServer(silentPino);
  const started = Promise.withResolvers<void>();
  const held = Promise.withResolvers<string>();
  server.get('/slow', async () => {
    started.resolve();
    return await held.promise;
  });
  server.get('/fast', async () => 'fast');
  const closing = Promise.withResolvers<void>();
  server.addHook('preClose', (done) => {
    closing.resolve();
    done();
  });
  await server.listen({ path });

  const idle = await connect(path);
  idle.socket.write(GET_FAST);
  await once(idle.socket, 'data');
  const silent = await connect(path);
  const busy = await connect(path);
  busy.socket.write(GET_SLOW);
  await started.promise;

  const ends = [idle, silent, busy].map(async ({ socket }) => once(socket, 'close'));
  const closed = server.close();
  await closing.promise;
  busy.socket.write(GET_FAST);
  await Promise.all(ends.slice(0, 2));
  held.resolve('slow');
  await closed;
  await Promise.all(ends);

  const [first, second] = busy.received().split(/(?=HTTP\/1\.1 )/);
  expect(first).toMatch(/^HTTP\/1\.1 200 /);
  expect(first).toContain('slow');
  expect(second).toMatch(/^HTTP\/1\.1 503 /);
  expect(second).toMatch(/content-type: application\/problem\+json/i);
  expect(second).toContain('the agent is stopping');
});
