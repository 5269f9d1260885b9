/** What the demo acts on: one volume, its clients and an agent beside each brick; and typed questions to those agents. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import {
  healOperationSchema,
  healSchema,
  quotaViewSchema,
  volfileListSchema,
  type HealOperationView,
  type HealView,
  type VolfileView,
} from '../../src/agent/http/schemas.ts';
import { AgentError } from '../../src/lib/errors.ts';
import { startAgent, type LabAgent } from '../../test/lab/agent.ts';
import type { HttpReply } from '../../test/lab/http.ts';
import type { Lab } from '../../test/lab/lab.ts';
import type { Mount } from '../../test/lab/mount.ts';
import type { Pv } from '../../test/lab/pv.ts';
import type { Volume } from '../../test/lab/volume.ts';

export const MIB = 1024 * 1024;
/** 256 bits, as `openssl rand -hex 32` makes it. */
const TOKEN_BYTES = 32;
/** Not the default of 5 s: somebody is watching the backlog fall. */
const HEAL_INTERVAL_MS = '500';

export interface World {
  lab: Lab;
  volume: Volume;
  /** As Kadalu's provisioner sees the volume (client pid -14). */
  csi: Mount;
  /** As a tenant sees it. */
  tenant: Mount;
  agents: LabAgent[];
  tokenFile: string;
  token: string;
  pvs: Pv[];
}

export type QuotaView = Static<typeof quotaViewSchema>;

/** The bundle beside every brick. The first agent has a token file, and so the API over TCP too. */
export async function startAgents(lab: Lab, volume: Volume): Promise<Pick<World, 'agents' | 'tokenFile' | 'token'>> {
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  const tokenFile = `${lab.dir}/token`;
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  const agents = await Promise.all(
    volume.bricks.map(async (brick, index) =>
      startAgent(lab, volume, brick, {
        bundle: true,
        env: {
          BRICK_AGENT_HEAL_INTERVAL_MS: HEAL_INTERVAL_MS,
          ...(index === 0 ? { BRICK_AGENT_API_TOKEN_FILE: tokenFile } : {}),
        },
      }),
    ),
  );
  return { agents, tokenFile, token };
}

export type QuotaQuestion = [pv: string] | [pv: string, limitBytes: string];

/** GET, or with a limit PUT. */
export async function quotaOf(agent: LabAgent, ...[pv, limitBytes]: QuotaQuestion): Promise<QuotaView> {
  const path = `/v1/quotas/${pv}`;
  const reply = limitBytes === undefined ? await agent.api('GET', path) : await agent.api('PUT', path, { limitBytes });
  return answer(quotaViewSchema, reply, path);
}

/** Undefined while the agent has not noticed the PV. */
export async function quotaIfKnown(agent: LabAgent, pv: string): Promise<QuotaView | undefined> {
  const reply = await agent.api('GET', `/v1/quotas/${pv}`);
  return reply.status === 404 ? undefined : answer(quotaViewSchema, reply, pv);
}

export async function healOf(agent: LabAgent): Promise<HealView> {
  return answer(healSchema, await agent.api('GET', '/v1/heal'), '/v1/heal');
}

export async function startHeal(agent: LabAgent): Promise<HealOperationView> {
  return answer(healOperationSchema, await agent.api('POST', '/v1/heal', { kind: 'index' }), '/v1/heal');
}

export async function operationOf(agent: LabAgent, id: string): Promise<HealOperationView> {
  const path = `/v1/operations/${id}`;
  return answer(healOperationSchema, await agent.api('GET', path), path);
}

export async function brickVolfileOf(agent: LabAgent): Promise<VolfileView> {
  const { items } = answer(volfileListSchema, await agent.api('GET', '/v1/volfiles'), '/v1/volfiles');
  const item = items.find(({ process }) => process === 'brick');
  if (item === undefined) throw new AgentError('NotFound', 'the agent watches no volfile of the brick');
  return item;
}

/** `True`, `False` or `Unknown`; undefined when there is no such condition. */
export function conditionOf(view: QuotaView, type: string): string | undefined {
  return view.status.conditions.find((condition) => condition.type === type)?.status;
}

const CONDITIONS = ['OnDisk', 'Live', 'Enforced'];

/** On disk, live, and nothing below it that is not counted. A PV that was not judged yet has no conditions at all. */
export function isInForce(view: QuotaView): boolean {
  return CONDITIONS.every((type) => conditionOf(view, type) === 'True');
}

/** @throws AgentError `RpcProtocol` with the answer when it is not what the schema says */
export function answer<S extends TSchema>(schema: S, reply: HttpReply, what: string): Static<S> {
  if (reply.status < 300 && Check(schema, reply.json)) return reply.json;
  throw new AgentError('RpcProtocol', `${what}: the agent answered ${reply.status} ${reply.text}`);
}
