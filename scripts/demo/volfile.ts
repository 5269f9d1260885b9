/** Chapter 7: a change of the ConfigMap reaches the running brick; two that would hurt it do not. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { VolfileView } from '../../src/agent/http/schemas.ts';
import { formatDuration } from '../../src/lib/units.ts';
import type { LabAgent } from '../../test/lab/agent.ts';
import type { Brick } from '../../test/lab/brick.ts';
import type { Stage } from './stage.ts';
import { brickVolfileOf, type World } from './world.ts';

const THREADS = '24';
const CHANGED = /^ *type performance\/io-threads$/m;

export async function changeVolfiles(stage: Stage, world: World): Promise<void> {
  stage.heading('A volfile changes, and a broken one is refused');
  const { volume, lab } = world;
  const brick = volume.brick(0);
  const [agent] = world.agents;
  if (agent === undefined) return;
  const { pid } = brick;
  const file = brick.volfileName;
  const good = await volume.configMap.text(file);
  const changed = good.replace(CHANGED, `    type performance/io-threads\n    option thread-count ${THREADS}`);

  const before = await threadsOf(lab, brick);
  stage.say(`The running brick has room for ${before} I/O threads. kubelet swaps in a ConfigMap that says ${THREADS}:`);
  await volume.configMap.swap({ [file]: changed });
  const applied = await settled(stage, world, agent, 'the agent has applied it', (view) => view.outcome === 'Applied');
  stage.check(
    `${applied.outcome} (${applied.reason}): ${applied.changes.join('; ')}`,
    applied.reason === 'ValuesSeen' && applied.runningSha256 === applied.wantedSha256,
    JSON.stringify(applied),
  );
  stage.output(`reload took ${formatDuration(applied.lastReload?.durationMs ?? 0)}; the brick's log:`);
  const line = (await readFile(brick.logFile, 'utf8')).split('\n').findLast((text) => text.includes('thread-count'));
  stage.output(`… ${line?.slice(line.indexOf('0-'))}`);
  const now = await threadsOf(lab, brick);
  stage.check(`a statedump of the brick shows ${now} I/O threads, pid ${pid} as before`, now === THREADS, now);

  stage.say(
    'Now one with a line pasted below the last end-volume. GlusterFS would refuse it, and then every later file too, ' +
      'until a restart:',
  );
  await refused(stage, world, agent, `${changed}option count-fop-hits on\n`);
  stage.say('And one without auth-path, which GlusterFS 11.1 takes, and dies of while a client is connected:');
  await refused(stage, world, agent, changed.replace(/^ *option auth-path .*\n/m, ''));

  const still = `${world.tenant.path}/after-the-bad-ones`;
  await writeFile(still, 'ok');
  stage.check(
    `the brick serves on: pid ${pid}, ${await threadsOf(lab, brick)} I/O threads, a write reached its backend`,
    brick.running && brick.pid === pid && (await readFile(`${brick.path}/after-the-bad-ones`, 'utf8')) === 'ok',
  );
  await volume.configMap.swap({ [file]: changed });
  await settled(
    stage,
    world,
    agent,
    'the good file is back: the brick runs it',
    (view) => view.outcome === 'Unchanged',
  );
}

async function refused(stage: Stage, world: World, agent: LabAgent, text: string): Promise<void> {
  const brick = world.volume.brick(0);
  const { length } = await readFile(brick.logFile, 'utf8');
  const earlier = await brickVolfileOf(agent);
  await world.volume.configMap.swap({ [brick.volfileName]: text });
  const view = await settled(
    stage,
    world,
    agent,
    'the agent refuses it',
    ({ outcome, wantedSha256 }) => outcome === 'Rejected' && wantedSha256 !== earlier.wantedSha256,
  );
  for (const { id, severity, line, column, message, remedy } of view.problems) {
    if (severity !== 'error') continue;
    stage.note(`${view.file}:${line}:${column}: ${id}: ${message}`);
    stage.note(`remedy: ${remedy}`);
  }
  const lines = (await readFile(brick.logFile, 'utf8')).slice(length);
  stage.check(
    'it says where and why, and the brick was sent nothing',
    view.problems.some(({ severity, line }) => severity === 'error' && line !== null) && !/volfile|graph/i.test(lines),
    lines,
  );
}

async function settled(
  stage: Stage,
  { lab }: World,
  agent: LabAgent,
  claim: string,
  is: (view: VolfileView) => boolean,
): Promise<VolfileView> {
  return await stage.until(claim, async () =>
    lab.waitFor(claim, async () => {
      const view = await brickVolfileOf(agent);
      return is(view) ? view : undefined;
    }),
  );
}

/** What the brick itself says: a statedump, the one place that shows the value in use. */
async function threadsOf(lab: World['lab'], brick: Brick): Promise<string | undefined> {
  const dumps = async (): Promise<string[]> => (await readdir(brick.runDir)).filter((name) => name.includes('.dump.'));
  for (const old of await dumps()) await rm(`${brick.runDir}/${old}`);
  brick.signal('SIGUSR1');
  return await lab.waitFor('a statedump', async () => {
    const [name] = await dumps();
    if (name === undefined) return undefined;
    return /^maximum_threads_count=(\d+)$/m.exec(await readFile(`${brick.runDir}/${name}`, 'utf8'))?.[1];
  });
}
