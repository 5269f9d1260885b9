/** Entry of a brick worker thread: the brick's path first, then one message in, one answer out, in order. */
import { parentPort } from 'node:worker_threads';
import { AgentError, toAgentError } from '../../lib/errors.ts';
import type { BrickRequest, BrickResponse, BrickWorkerStart } from './messages.ts';
import { BrickOperations } from './operations.ts';

if (parentPort === null) throw new AgentError('Internal', 'the brick worker is started as a worker thread only');
const port = parentPort;

port.once('message', ({ brickPath }: BrickWorkerStart) => {
  const operations = new BrickOperations(brickPath);
  port.on('message', (request: BrickRequest) => port.postMessage(answer(operations, request)));
});

function answer(operations: BrickOperations, request: BrickRequest): BrickResponse {
  try {
    return { id: request.id, ok: true, output: operations.run(request) };
  } catch (error) {
    const { code, message } = toAgentError(error);
    return { id: request.id, ok: false, code, message };
  }
}
