/** Chapter 5: an ordinary user switches the quota of a whole brick off, and the agents switch it on again. */
import { execFile } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AgentError } from '../../src/lib/errors.ts';
import { formatBytes } from '../../src/lib/units.ts';
import { writeUntilError } from '../../test/lab/write.ts';
import type { Stage } from './stage.ts';
import { MIB, type World } from './world.ts';

const run = promisify(execFile);
/** What a container of the PV runs as. */
const TENANT = 1000;
const TENANT_PV = 'pvc-alpha';
const KEY = 'glusterfs.quota.disable-check';
const CHUNK_BYTES = 64 * 1024;
const MORE_BYTES = 4 * MIB;

export async function tamper(stage: Stage, world: World): Promise<void> {
  stage.heading('A tenant switches the quota off');
  const { tenant, agents, lab } = world;
  const pv = world.pvs.find(({ name }) => name === TENANT_PV);
  if (pv === undefined) return;
  const path = `${tenant.path}/${pv.relativePath}`;
  stage.say(
    `GlusterFS 11.1 lets any user who may write in a PV switch off the quota of whole bricks. ${TENANT_PV} is full; ` +
      'its user tries that:',
  );
  await chmod(path, 0o777);
  stage.command(`setfattr -n ${KEY} -v 1 /mnt/${pv.name}     # as uid ${TENANT}`);
  // The agents look every 5 s: now and then one is quicker than the thief.
  const stolen = await lab.waitFor('the trick to work', async () => {
    await run('setfattr', ['-n', KEY, '-v', '1', '.'], { cwd: path, uid: TENANT, gid: TENANT });
    const { written, errno } = await writeUntilError(`${path}/stolen`, CHUNK_BYTES, MORE_BYTES);
    return errno === undefined ? written : undefined;
  });
  stage.check(`the trick works: ${formatBytes(stolen)} more go into the full PV`, stolen === MORE_BYTES);
  await stage.until('an agent has noticed, and a writer gets EDQUOT again', async () =>
    lab.waitFor('EDQUOT', async () => {
      const metrics = await Promise.all(agents.map(async (agent) => (await agent.ops('/metrics')).text));
      if (!metrics.some((text) => TAMPERED.test(text))) throw new AgentError('Conflict', 'not noticed yet');
      return (await writeUntilError(`${path}/probe`, CHUNK_BYTES, MORE_BYTES)).errno === 'EDQUOT';
    }),
  );
  for (const agent of agents) {
    const line = (await agent.ops('/metrics')).text.split('\n').find((text) => TAMPERED.test(text));
    if (line === undefined) continue;
    stage.command(`curl -s http://127.0.0.1:${agent.opsPort}/metrics | grep tampering`, line);
    break;
  }
  await Promise.all(['stolen', 'probe'].map(async (name) => rm(`${path}/${name}`, { force: true })));
}

const TAMPERED = /^gluster_quota_tampering_total\{[^}]*kind="off"[^}]*\} [1-9]/m;
