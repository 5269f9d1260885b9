/** Chapters 1 and 2: a volume without glusterd, and an agent beside each of its bricks. */
import { AgentError } from '../../src/lib/errors.ts';
import { runCommand } from '../../test/lab/command.ts';
import type { Lab } from '../../test/lab/lab.ts';
import type { Stage } from './stage.ts';
import { startAgents, type World } from './world.ts';

export async function startVolume(stage: Stage, lab: Lab): Promise<Pick<World, 'volume' | 'csi' | 'tenant'>> {
  stage.heading('A replica-3 volume, no glusterd');
  const version = await lab.runInRoot(['glusterfsd', '--version']);
  stage.say(
    `Three bricks, a self-heal daemon and clients, all plain processes of ${version.stdout.split('\n')[0] ?? ''}. ` +
      'Their volfiles come from one directory that changes like a mounted ConfigMap.',
  );
  const volume = await lab.volume({ name: 'pool1', type: 'replica' });
  await stage.until('three glusterfsd and one self-heal daemon answer', async () => volume.start());
  const [csi, tenant] = await stage.until('two FUSE clients are connected to all bricks', async () =>
    Promise.all([volume.mount({ pid: -14 }), volume.mount()]),
  );
  for (const brick of volume.bricks) {
    stage.output(`brick ${brick.index}  pid ${brick.pid}  port ${brick.port}  ${brick.path}`);
  }
  stage.output(`shd      pid ${volume.shd.pid}  ${volume.shd.socket}`);
  stage.output(`volfiles ${volume.configMap.dir}/..data -> (a dated directory)`);
  return { volume, csi, tenant };
}

export async function startSidecars(
  stage: Stage,
  world: Pick<World, 'lab' | 'volume'>,
): Promise<Pick<World, 'agents' | 'tokenFile' | 'token'>> {
  stage.heading('The agent beside each brick');
  stage.say('The bundle that the image carries, configured by environment as in a pod.');
  await stage.until('dist/main.js is built', async () => {
    const built = await runCommand([process.execPath, 'scripts/build.ts']);
    if (built.code !== 0) throw new AgentError('Internal', built.stderr);
  });
  const started = await stage.until('three agents are ready: brick proven ours, connected, PVs read', async () =>
    startAgents(world.lab, world.volume),
  );
  const [first] = started.agents;
  if (first === undefined) return started;
  const ready = await first.ops('/readyz?verbose');
  stage.command(`curl http://127.0.0.1:${first.opsPort}/readyz?verbose`, ready.text);
  return started;
}
