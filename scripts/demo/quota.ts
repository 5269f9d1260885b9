/** Chapters 3 and 4: limits of PVs, from Kadalu's record to a writer that is stopped, and a resize through the API. */
import { statfs } from 'node:fs/promises';
import { quotaViewSchema } from '../../src/agent/http/schemas.ts';
import { AgentError } from '../../src/lib/errors.ts';
import { formatBytes } from '../../src/lib/units.ts';
import type { Brick } from '../../test/lab/brick.ts';
import { request } from '../../test/lab/http.ts';
import { createPv, LIMIT_XATTR, NAMESPACE_XATTR, type Pv } from '../../test/lab/pv.ts';
import type { Volume } from '../../test/lab/volume.ts';
import { writeUntilError, type WriteResult } from '../../test/lab/write.ts';
import type { Stage } from './stage.ts';
import { answer, isInForce, MIB, quotaIfKnown, quotaOf, type QuotaView, type World } from './world.ts';

const SIZES: Record<string, number> = { 'pvc-alpha': 32 * MIB, 'pvc-beta': 64 * MIB, 'pvc-gamma': 256 * MIB };
/** The one that is filled and resized. */
const FULL = 'pvc-alpha';
const RESIZED = 48 * MIB;
/** As large as FUSE passes on at once by default. */
const WRITE_BYTES = 128 * 1024;
/** More would be a limit that does not limit: eight writes of the kernel's size. */
const MAX_OVERSHOOT = MIB;

export async function limitPvs(stage: Stage, world: Omit<World, 'pvs'>): Promise<Pick<World, 'pvs'>> {
  const { csi, agents } = world;
  stage.heading('PVs get their limits');
  stage.say(
    "Kadalu's provisioner makes a directory and a record with the size. Nobody sets a quota here: the agents find the " +
      'record on their own brick and do it.',
  );
  const pvs = await Promise.all(Object.entries(SIZES).map(async ([name, size]) => createPv(csi, name, size)));
  for (const { infoPath } of pvs) stage.output(infoPath);
  await stage.until('every limit is on disk and live on all three bricks', async (report) =>
    world.lab.waitFor('the limits', async () => {
      const views = await Promise.all(agents.flatMap((agent) => pvs.map(async (pv) => quotaIfKnown(agent, pv.name))));
      const waiting = views.filter((view) => view === undefined || !isInForce(view));
      report(`${views.length - waiting.length} of ${views.length}`);
      if (waiting.length === 0) return true;
      throw new AgentError('Conflict', `still waiting: ${JSON.stringify(waiting)}`);
    }),
  );
  checkBackends(stage, world.volume, pvs);
  stage.say('Live, what the running bricks enforce, as a client sees it:');
  for (const pv of pvs) {
    const { blocks, bsize } = await statfs(`${world.tenant.path}/${pv.relativePath}`);
    // simple-quota reports the limit in whole blocks, and one more (measured on 11.1).
    const shown = (blocks - 1) * bsize;
    stage.check(`df of ${pv.name} shows ${formatBytes(shown)}`, shown === SIZES[pv.name], `${blocks} of ${bsize}`);
  }
  const list = await agents[0]?.cli('quota', 'list');
  stage.command('brick-agent quota list', list?.stdout);
  return { pvs };
}

/** Read past the agent. */
function checkBackends(stage: Stage, volume: Volume, pvs: readonly Pv[]): void {
  stage.say('On disk, what each backend carries, read past the agent:');
  for (const { name, relativePath } of pvs) {
    const wanted = String(SIZES[name]);
    const limits = volume.bricks.map((brick) => limitOn(brick, relativePath));
    const isNamespace = volume.bricks.every((brick) => brick.xattr(relativePath, NAMESPACE_XATTR) !== undefined);
    stage.check(
      `${name}: ${limits.join(', ')}`,
      isNamespace && limits.every((limit) => limit === wanted),
      `wanted ${wanted}, namespace on all: ${isNamespace}`,
    );
  }
  stage.command(`getfattr --only-values -n ${LIMIT_XATTR} ${volume.brick(0).path}/${pvs[0]?.relativePath}`);
}

/** Text, with the NUL at its end that the brick adds when it stores it. */
function limitOn(brick: Brick, path: string): string | undefined {
  return brick.xattr(path, LIMIT_XATTR)?.toString().replace(/\0$/, '');
}

export async function fillAndResize(stage: Stage, world: World): Promise<void> {
  stage.heading('A writer is stopped at its limit, and goes on after a resize');
  const { agents, volume } = world;
  const pv = world.pvs.find(({ name }) => name === FULL);
  const before = SIZES[FULL];
  if (pv === undefined || before === undefined) return;
  const first = await write(stage, world, pv, 'first');
  checkStopped(stage, first.written, before, first.errno);

  stage.say(`Now the operator resizes ${pv.name}: one PUT to the agent of every brick; over TCP with its token.`);
  const path = `/v1/quotas/${pv.name}`;
  const body = '{"limitBytes":"48Mi"}';
  stage.command(
    `curl -X PUT -H "Authorization: Bearer $(cat ${world.tokenFile})" --json '${body}' ` +
      `http://127.0.0.1:${agents[0]?.apiPort}${path}`,
  );
  for (const [index, agent] of agents.entries()) {
    const view = index === 0 ? await putOverTcp(world, path) : await quotaOf(agent, pv.name, '48Mi');
    const { onDiskLimitBytes, liveLimitBytes, conditions } = view.status;
    const isDone = onDiskLimitBytes === String(RESIZED) && liveLimitBytes === String(RESIZED) && isInForce(view);
    stage.check(
      `brick ${index} answers: on disk ${onDiskLimitBytes}, live ${liveLimitBytes}, ` +
        conditions.map(({ type, status }) => `${type} ${status}`).join(', '),
      isDone,
      JSON.stringify(view.status),
    );
  }
  const unauthorised = await tcp(world, 'GET', path, undefined, 'wrong-token-of-some-length');
  stage.check(`without the token: ${unauthorised.status}`, unauthorised.status === 401);

  const second = await write(stage, world, pv, 'second');
  checkStopped(stage, first.written + second.written, RESIZED, second.errno);
  const sizes = volume.bricks.map((brick) => limitOn(brick, pv.relativePath));
  stage.check(
    `all three backends carry ${RESIZED} now`,
    sizes.every((size) => size === String(RESIZED)),
    sizes.join(', '),
  );
}

async function write(stage: Stage, { tenant }: World, pv: Pv, name: string): Promise<WriteResult> {
  stage.command(`dd if=/dev/zero of=/mnt/${pv.name}/${name} bs=128K`);
  return await writeUntilError(`${tenant.path}/${pv.relativePath}/${name}`, WRITE_BYTES, 2 * RESIZED);
}

function checkStopped(stage: Stage, total: number, limit: number, errno: string | undefined): void {
  const over = total - limit;
  stage.check(
    `stopped by EDQUOT at ${formatBytes(total)} of ${formatBytes(limit)} (overshoot ${formatBytes(Math.max(0, over))})`,
    errno === 'EDQUOT' && over <= MAX_OVERSHOOT && over > -MAX_OVERSHOOT,
    `${errno ?? 'no error'} after ${total} bytes`,
  );
}

async function putOverTcp(world: World, path: string): Promise<QuotaView> {
  return answer(quotaViewSchema, await tcp(world, 'PUT', path, { limitBytes: '48Mi' }, world.token), path);
}

async function tcp({ agents }: World, method: string, path: string, body: unknown, token: string) {
  const port = agents[0]?.apiPort ?? 0;
  const headers = { authorization: `Bearer ${token}` };
  return await request({ method, path, body, headers, target: { host: '127.0.0.1', port } });
}
