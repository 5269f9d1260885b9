/** The agent with the capabilities that the example manifest gives it, on bricks that have them all. */
import { chmod, chown, mkdir, open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import { createPv, LIMIT_XATTR, pvPath } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { waitLimit } from '../support/agents.ts';
import { container } from '../unit/deploy/manifest.ts';

const CAPABILITIES = container('brick-agent').securityContext?.capabilities?.add ?? [];
const LIMIT = 32 * 1024 * 1024;
const TENANT = 1000;

describe('capabilities', () => {
  let lab: Lab;
  let volume: Volume;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'capabilities' });
    volume = await lab.volume({ name: 'pool1', type: 'replica', bricks: 2 });
    await volume.start();
    const csi = await volume.mount({ pid: -14 });
    // A directory that only its tenant may enter.
    const pv = await createPv(csi, 'pvc-closed', LIMIT);
    await chown(pv.path, TENANT, TENANT);
    await chmod(pv.path, 0o700);
  });
  afterAll(async () => lab.destroy());

  async function agentWith(capabilities: readonly string[], waitReady = true): Promise<LabAgent> {
    return await startAgent(lab, volume, volume.brick(0), {
      capabilities,
      waitReady,
      env: { BRICK_AGENT_HEAL_INTERVAL_MS: '500' },
    });
  }

  /** The operation, once the heal daemon has been asked. */
  async function healed(agent: LabAgent): Promise<string> {
    const { json } = await agent.api('POST', '/v1/heal', { kind: 'index' });
    const id: unknown = Reflect.get(Object(json), 'id');
    return await lab.waitFor('the end of the heal operation', async () => {
      const { text } = await agent.api('GET', `/v1/operations/${String(id)}`);
      return /"state":"(Succeeded|Failed|Unknown)"/.test(text) ? text : undefined;
    });
  }

  it('are enough for every duty', async () => {
    const agent = await agentWith(CAPABILITIES);
    await lab.waitFor('the limit', async () =>
      (await agent.api('GET', '/v1/quotas/pvc-closed')).text.includes(
        '"type":"OnDisk","status":"True","reason":"AsWanted"',
      ),
    );
    expect(volume.brick(0).xattr(pvPath('pvc-closed'), LIMIT_XATTR)?.toString()).toContain(String(LIMIT));
    expect(await healed(agent)).toContain('"accepted":true');
    expect((await agent.api('GET', '/v1/volfiles')).text).toContain('"reason":"SameFile"');
    expect((await agent.api('GET', '/v1/heal')).text).toContain('"state":"Complete"');
    await agent.stop();
  });

  it('include none that could be left out', async () => {
    const noAdmin = await agentWith(without('SYS_ADMIN'), false);
    const ready = await lab.waitFor('the fence', async () => {
      const { text } = await noAdmin.ops('/readyz?verbose');
      return text.includes('CAP_SYS_ADMIN') ? text : undefined;
    });
    expect(ready).toContain('[-]brick-identity failed');
    await noAdmin.stop();

    const noSearch = await agentWith(without('DAC_READ_SEARCH'));
    // The index directories are 0600: only this capability looks inside.
    expect((await noSearch.api('GET', '/v1/heal')).text).toContain('"state":"Unknown"');
    await noSearch.stop();

    const noTrace = await agentWith(without('SYS_PTRACE'));
    expect(await healed(noTrace)).toContain('add SYS_PTRACE');
    await noTrace.stop();
  });
});

describe('adoption of files of other users', () => {
  it('needs two capabilities more, and says so without them', async () => {
    await using lab = await Lab.create({ name: 'capabilities-adopt' });
    const volume = await lab.volume({ name: 'pool1', type: 'single' });
    await volume.start();
    const client = await volume.mount();
    const pv = await createPv(client, 'pvc-tenant', undefined);
    await mkdir(`${pv.path}/old`);
    const file = await open(`${pv.path}/old/file`, 'w', 0o600);
    for (const name of ['old/file', 'old', '']) await chown(`${pv.path}/${name}`, TENANT, TENANT);
    await chmod(`${pv.path}/old`, 0o700);
    const adopt = async (capabilities: readonly string[]): Promise<{ code: number | null; stdout: string }> => {
      const agent = await startAgent(lab, volume, volume.brick(0), { capabilities });
      await agent.api('PUT', `/v1/quotas/${pv.name}`, { limitBytes: String(LIMIT) });
      await waitLimit(lab, [agent], pv.name, LIMIT);
      const { code, stdout } = await agent.cli('quota', 'adopt', pv.name);
      await agent.stop();
      return { code, stdout };
    };
    expect(await adopt(CAPABILITIES)).toEqual({ code: 1, stdout: expect.stringContaining('DAC_OVERRIDE and FOWNER') });
    expect(await adopt([...CAPABILITIES, 'DAC_OVERRIDE', 'FOWNER'])).toMatchObject({ code: 0 });
    await file.close();
  });
});

function without(name: string): string[] {
  return CAPABILITIES.filter((capability) => capability !== name);
}
