/** Proof that no brick process runs: what is written to the disk behind a running brick's back is not seen by it. */
import net from 'node:net';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';
import { GLUSTER_EXE_NAMES, proveProcess, type ProofFailure } from '../process/identity.ts';
import type { Config } from './config/load.ts';

/** On the loopback and on a unix socket the kernel answers at once; in milliseconds. */
const CONNECT_DEADLINE_MS = 2_000;

/** The pid file names no process, or one that is not the brick. A file without a pid says nothing; the port decides then. */
const NOT_RUNNING: ReadonlySet<ProofFailure> = new Set<ProofFailure>([
  'PidFileMissing',
  'PidFileGarbage',
  'NotRunning',
  'WrongExecutable',
  'PidReused',
]);

/** @throws AgentError `Conflict` when a brick process runs, or when it is not certain that none does */
export async function assertBrickStopped(
  config: Pick<Config, 'brickPidFile' | 'brickSocket' | 'brickHost' | 'brickPort'>,
): Promise<void> {
  const proof = await proveProcess({ pidFile: config.brickPidFile, exeNames: GLUSTER_EXE_NAMES });
  if (proof.ok) {
    throw new AgentError(
      'Conflict',
      `the brick process runs (pid ${proof.process.pid}); this is for a stopped brick, before glusterfsd is started`,
    );
  }
  if (!NOT_RUNNING.has(proof.reason)) {
    throw new AgentError('Conflict', `it is not certain that the brick is stopped: ${proof.message}`);
  }
  const { brickHost: host, brickPort: port, brickSocket: path } = config;
  await assertSilent(`port ${host}:${port}`, { host, port });
  await assertSilent(`socket ${path}`, { path });
}

async function assertSilent(what: string, target: net.NetConnectOpts): Promise<void> {
  const failure = await connect(target);
  if (failure === undefined) {
    throw new AgentError('Conflict', `the brick process runs: ${what} answers`);
  }
  const errno = errnoOf(failure);
  if (errno === 'ECONNREFUSED' || errno === 'ENOENT' || errno === 'ENOTSOCK') return;
  throw new AgentError('Conflict', `it is not certain that the brick is stopped: ${what}: ${errorMessage(failure)}`);
}

/** @returns undefined when somebody listens */
export async function connect(target: net.NetConnectOpts): Promise<Error | undefined> {
  return await new Promise((resolve) => {
    const socket = net.connect({ ...target, timeout: CONNECT_DEADLINE_MS });
    socket.once('timeout', () => socket.destroy(new AgentError('Timeout', `no answer in ${CONNECT_DEADLINE_MS} ms`)));
    socket.once('error', resolve);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}
