/** Entry of a brick worker thread: one message in, one answer out, in order. */
import { parentPort, workerData } from 'node:worker_threads';
import { AgentError, toAgentError } from '../../lib/errors.ts';
import type { BrickRequest, BrickResponse, BrickWorkerData } from './messages.ts';
import { BrickOperations } from './operations.ts';

if (parentPort === null) throw new AgentError('Internal', 'the brick worker is started as a worker thread only');
const port = parentPort;
const { brickPath }: BrickWorkerData = workerData;
const operations = new BrickOperations(brickPath);

port.on('message', (request: BrickRequest) => {
  port.postMessage(answer(request));
});

function answer(request: BrickRequest): BrickResponse {
  try {
    return { id: request.id, ok: true, output: operations.run(request) };
  } catch (error) {
    const { code, message } = toAgentError(error);
    return { id: request.id, ok: false, code, message };
  }
}
