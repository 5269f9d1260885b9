/** Entry of a scan thread: one scan at a time, in the order of the requests. */
import { parentPort, workerData } from 'node:worker_threads';
import { AgentError, toAgentError } from '../../lib/errors.ts';
import { placeOf } from '../facts.ts';
import { DirectoryHandle, openBelow } from '../handle.ts';
import { ScanDirectory } from './directory.ts';
import type { ScanRequest, ScanResponse, ScanWorkerData } from './messages.ts';
import { Pace } from './pace.ts';
import { newTotals, scanTree } from './tree.ts';

if (parentPort === null) throw new AgentError('Internal', 'the scan worker is started as a worker thread only');
const port = parentPort;
const { brickPath, flag }: ScanWorkerData = workerData;

port.on('message', (request: ScanRequest) => {
  port.postMessage(answer(request));
});

function answer(request: ScanRequest): ScanResponse {
  const { id } = request;
  try {
    return scan(request);
  } catch (error) {
    const { code, message } = toAgentError(error);
    return { id, kind: 'failed', code, message };
  }
}

function scan({ id, path, place, duty }: ScanRequest): ScanResponse {
  const start = performance.now();
  const totals = newTotals();
  const report = (): void => port.postMessage({ id, kind: 'progress', totals } satisfies ScanResponse);
  const pace = new Pace({ id, flag, duty, report });
  using root = openRoot(path, place);
  if (root === undefined) return { id, kind: 'missing' };
  pace.look();
  scanTree(root, pace.tick, totals);
  return { id, kind: 'done', result: { ...totals, durationMs: performance.now() - start, restMs: pace.restMs } };
}

function openRoot(path: string, place: string): ScanDirectory | undefined {
  using brick = DirectoryHandle.open(brickPath);
  if (brick === undefined) throw new AgentError('BrickIo', `${brickPath}: does not exist`);
  const now = placeOf(brick);
  if (now !== place) {
    throw new AgentError('BrickFenced', `the brick was proven at ${place} and is now at ${now}: not scanned`);
  }
  using directory = openBelow(brick, path);
  return directory === undefined ? undefined : ScanDirectory.at(directory.path);
}
