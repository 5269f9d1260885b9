/** Chapter 6: a brick dies, its peers remember what it missed, and a heal through the API makes it equal again. */
import { mkdir, writeFile } from 'node:fs/promises';
import type { HealOperationView } from '../../src/agent/http/schemas.ts';
import { isFinished } from '../../src/heal/operation.ts';
import { AgentError } from '../../src/lib/errors.ts';
import { mapPool } from '../../src/lib/pool.ts';
import { brickDifferences, pendingHeals } from '../../test/lab/inspect.ts';
import type { Stage } from './stage.ts';
import { conditionOf, healOf, operationOf, quotaOf, startHeal, type World } from './world.ts';

/** Enough that the heal is seen to fall, few enough that it ends within seconds. */
const FILES = 250;
const FILE_BYTES = 16 * 1024;
/** FUSE calls in flight, on libuv's four threads. */
const WRITERS = 4;
const VICTIM = 2;
const HEAL_DEADLINE_MS = 60_000;

export async function killAndHeal(stage: Stage, world: World): Promise<void> {
  stage.heading('A brick dies, and is healed');
  const { volume, agents, lab } = world;
  const brick = volume.brick(VICTIM);
  const pv = world.pvs.find(({ name }) => name === 'pvc-beta');
  const agent = agents[VICTIM];
  const survivors = agents.slice(0, VICTIM);
  if (pv === undefined || agent === undefined) return;

  const { pid } = brick;
  await brick.kill('SIGKILL');
  stage.command(`kill -9 ${pid}`);
  await stage.until(`the agent of brick ${VICTIM} sees it at once, and does not die with it`, async () =>
    lab.waitFor('readyz to fail', async () => (await agent.ops('/readyz')).status === 503),
  );
  const [ready, live] = [await agent.ops('/readyz'), await agent.ops('/livez')];
  stage.output(`readyz ${ready.status}: ${ready.text.split('\n').find((line) => line.startsWith('[-]'))}`);
  stage.check(`livez ${live.status}: restarting the sidecar would help nobody`, live.status === 200);

  await stage.until(`a tenant writes ${FILES} files meanwhile`, async (report) => {
    const folder = `${world.tenant.path}/${pv.relativePath}/while-it-was-down`;
    await mkdir(folder);
    const content = Buffer.alloc(FILE_BYTES, 'gluster');
    await mapPool(Array.from({ length: FILES }), WRITERS, async (_, index) => {
      await writeFile(`${folder}/file-${index}`, content);
      report(`${index} of ${FILES}`);
    });
  });
  await stage.until('the agents of the survivors see the backlog, without touching a file', async () =>
    lab.waitFor('the backlog', async () => {
      const views = await Promise.all(survivors.map(async (one) => healOf(one)));
      if (views.every(({ pending }) => (pending.xattrop ?? 0) >= FILES)) return true;
      throw new AgentError('Conflict', views.map(({ message }) => message).join('; '));
    }),
  );
  for (const [index, one] of survivors.entries()) {
    const { pending, message } = await healOf(one);
    stage.note(`brick ${index}: xattrop ${pending.xattrop}, entry changes ${pending.entryChanges}: ${message}`);
  }

  await stage.until('the brick is started again and its agent is ready', async () => {
    await brick.start();
    await agent.waitReady();
  });
  await heal(stage, world);
  const differences = await brickDifferences(volume);
  stage.check(
    'the three bricks are equal: names, owners, modes, content',
    differences.length === 0,
    differences.slice(0, 5).join('; '),
  );
  await stage.until('every limit is live in the new brick process again', async () =>
    lab.waitFor('the limits', async () => {
      const views = await Promise.all(world.pvs.map(async ({ name }) => quotaOf(agent, name)));
      return views.every((view) => conditionOf(view, 'Live') === 'True');
    }),
  );
}

async function heal(stage: Stage, { agents, lab, volume }: World): Promise<void> {
  const [agent] = agents;
  if (agent === undefined) return;
  stage.say(
    'One POST tells the self-heal daemon to sweep now. It says yes for each brick that it can read; done is another ' +
      'thing, and the operation waits for that: a backlog of 0.',
  );
  stage.command(`curl --json '{"kind":"index"}' --unix-socket ${agent.socketPath} http://agent/v1/heal`);
  let operation = await startHeal(agent);
  stage.output(`202 Accepted, Location: /v1/operations/${operation.id}`);
  await stage.until('the heal operation succeeded: accepted by the self-heal daemon, then backlog 0', async (report) =>
    lab.waitFor(
      'the end of the heal',
      async () => {
        operation = await operationOf(agent, operation.id);
        report(`${operation.state}, ${operation.backlogNow ?? 'unknown'} left`);
        return isFinished(operation);
      },
      { timeoutMs: HEAL_DEADLINE_MS },
    ),
  );
  checkHealed(stage, operation);
  const left = await lab.waitFor('the other survivors', async () => (await pendingHeals(volume)) === 0);
  stage.check('the index directories of all bricks are empty', left);
}

function checkHealed(stage: Stage, operation: HealOperationView): void {
  for (const { xlator, child, status } of operation.children) stage.output(`${xlator} brick ${child}: ${status}`);
  stage.check(
    `backlog ${operation.backlogAtStart} -> ${operation.backlogNow}: ${operation.message}`,
    operation.state === 'Succeeded' && operation.accepted === true && operation.backlogNow === 0,
    `${operation.state}: ${operation.message}`,
  );
}
