import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertBrickStopped } from '../../../src/agent/stopped-brick.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

let dir: TemporaryDirectory;
let servers: net.Server[];

beforeEach(() => {
  dir = new TemporaryDirectory('stopped');
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  dir[Symbol.dispose]();
});

async function listen(target: net.ListenOptions): Promise<net.Server> {
  const server = net.createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(target, resolve));
  return server;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = await listen({ host: '127.0.0.1', port: 0 });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  servers.pop();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function brick(): Promise<Parameters<typeof assertBrickStopped>[0]> {
  return {
    brickHost: '127.0.0.1',
    brickPort: await freePort(),
    brickSocket: `${dir.path}/brick.socket`,
    brickPidFile: `${dir.path}/brick.pid`,
  };
}

describe('assertBrickStopped', () => {
  it('is content with no pid file, no listener and no socket', async () => {
    await expect(assertBrickStopped(await brick())).resolves.toBeUndefined();
  });

  it.each([
    ['a pid file that names another program', String(process.pid)],
    ['a pid file without a pid', 'garbage'],
    ['a pid file of a process that is gone', '4194303'],
  ])('is content with %s', async (_, pid) => {
    dir.write('brick.pid', pid);
    await expect(assertBrickStopped(await brick())).resolves.toBeUndefined();
  });

  it('refuses when the port answers', async () => {
    const config = await brick();
    await listen({ host: '127.0.0.1', port: config.brickPort });
    await expect(assertBrickStopped(config)).rejects.toMatchObject({ code: 'Conflict' });
  });

  it('refuses when the socket answers', async () => {
    const config = await brick();
    await listen({ path: config.brickSocket });
    await expect(assertBrickStopped(config)).rejects.toThrow(/socket .*brick\.socket answers/);
  });

  it('refuses when it cannot tell', async () => {
    dir.mkdir('file');
    dir.write('file/x', '');
    const config = await brick();
    // Something is in the way of the socket's path.
    await expect(assertBrickStopped({ ...config, brickSocket: `${dir.path}/file/x/brick.socket` })).rejects.toThrow(
      /not certain that the brick is stopped/,
    );
  });
});
