/** Questions that integration tests ask of agents. */
import { writeFile } from 'node:fs/promises';
import { Check } from 'typebox/value';
import { quotaViewSchema, type QuotaList } from '../../src/agent/http/schemas.ts';
import { startAgent, type AgentOptions, type LabAgent } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import type { Volume } from '../lab/volume.ts';

export type QuotaItem = QuotaList['items'][number];

/** One PV as the agent shows it; undefined while it does not know it. */
export async function quotaOf(agent: LabAgent, pv: string): Promise<QuotaItem | undefined> {
  const { json } = await agent.api('GET', `/v1/quotas/${pv}`);
  return Check(quotaViewSchema, json) ? json : undefined;
}

/** `True AsWanted`, `Unknown BrickDown`, ...; `absent` while the agent does not know the PV. */
export async function conditionOf(agent: LabAgent, pv: string, type: string): Promise<string> {
  const quota = await quotaOf(agent, pv);
  const condition = quota?.status.conditions.find((candidate) => candidate.type === type);
  return condition === undefined ? 'absent' : `${condition.status} ${condition.reason}`;
}

/** Waits until every agent says that the limit, in bytes of the brick, is on disk and live. */
export async function waitLimit(lab: Lab, agents: readonly LabAgent[], pv: string, brickBytes: number): Promise<void> {
  await lab.waitFor(
    `limit ${brickBytes} of ${pv} on ${agents.length} bricks`,
    async () => {
      for (const [index, agent] of agents.entries()) {
        const quota = await quotaOf(agent, pv);
        const found = quota?.status.brickLimitBytes;
        if (found !== String(brickBytes))
          throw new Error(`agent ${index}: ${quota === undefined ? 'no such PV' : found}`);
        for (const type of ['OnDisk', 'Live']) {
          // A PV that is new has its conditions later than its limit: none is not true.
          const condition = quota?.status.conditions.find((one) => one.type === type);
          if (condition?.status !== 'True')
            throw new Error(`agent ${index}: ${type} ${condition?.reason}: ${condition?.message}`);
        }
      }
      return true;
    },
    { timeoutMs: 20_000 },
  );
}

/** An agent beside each brick, which know one another as an operator would configure them. */
export async function startPeers(
  lab: Lab,
  volume: Volume,
  env: Record<string, string | undefined> = {},
  options: (index: number) => AgentOptions = () => ({}),
): Promise<LabAgent[]> {
  const tokenFile = `${lab.dir}/token`;
  await writeFile(tokenFile, 'a-token-that-is-long-enough\n');
  const ports: number[] = [];
  while (ports.length < volume.bricks.length) ports.push(await lab.nextPort());
  // As in a manifest that is the same for all: our own address is among them.
  const peers = ports.map((port) => `127.0.0.1:${port}`);
  return await Promise.all(
    volume.bricks.map(async (brick, index) => {
      const own = {
        BRICK_AGENT_API_TOKEN_FILE: tokenFile,
        BRICK_AGENT_API_LISTEN: peers[index],
        BRICK_AGENT_PEERS: peers.join(','),
      };
      return await startAgent(lab, volume, brick, { ...options(index), env: { ...own, ...env } });
    }),
  );
}

/** In place of one that has ended: the same again, at the addresses that its peers know. @param env added to what that one had, but for what killed it */
export async function startAgain(
  lab: Lab,
  volume: Volume,
  brick: number,
  ended: LabAgent,
  env: Record<string, string | undefined> = {},
  options: AgentOptions = {},
): Promise<LabAgent> {
  return await startAgent(lab, volume, volume.brick(brick), {
    ...options,
    env: { ...ended.environment, BRICK_AGENT_DIES_AT: undefined, ...env },
  });
}
