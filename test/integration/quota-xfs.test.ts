import { execFile } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../lab/agent.ts';
import { Disk, hasLoopDevices } from '../lab/disk.ts';
import { Lab } from '../lab/lab.ts';
import { createPv } from '../lab/pv.ts';
import { writeUntilError } from '../lab/write.ts';
import { quotaOf, waitLimit, type QuotaItem } from '../support/agents.ts';

const MiB = 1024 * 1024;
const CHUNK = 64 * 1024;

// Needs loop devices and mkfs.xfs; says so where they are missing.
describe.skipIf(!(await hasLoopDevices('xfs')))('a brick on XFS', () => {
  it('counts to the byte, and what XFS allocates ahead of a file is in the measure and not in the limit', async () => {
    await using lab = await Lab.create({ name: 'quota-xfs' });
    const volume = await lab.volume({ name: 'vol1', type: 'single' });
    const brick = volume.brick(0);
    await Disk.mount(lab, brick.path, 'xfs');
    await brick.prepare();
    await volume.start();
    const client = await volume.mount();
    const agent = await startAgent(lab, volume, brick);
    const pv = await createPv(client, 'pvc-xfs', 64 * MiB);
    await waitLimit(lab, [agent], pv.name, 64 * MiB);

    const du = async (): Promise<string> => {
      const { stdout } = await promisify(execFile)('du', ['-s', '--block-size=1', `${brick.path}/${pv.relativePath}`]);
      return stdout.split('\t')[0] ?? '';
    };
    const scan = async (): Promise<QuotaItem['status']['usage']> => {
      const before = (await quotaOf(agent, pv.name))?.status.usage.scannedAt;
      await agent.api('POST', `/v1/quotas/${pv.name}/scan`);
      return await lab.waitFor('the scan', async () => {
        const usage = (await quotaOf(agent, pv.name))?.status.usage;
        return usage !== undefined && usage.scannedAt !== before ? usage : undefined;
      });
    };

    await writeFile(`${pv.path}/small`, Buffer.alloc(10_001, 1));
    const growing = await open(`${pv.path}/growing`, 'w');
    for (let n = 0; n < 200; n += 1) await growing.write(Buffer.alloc(CHUNK, 1));
    const size = 200 * CHUNK;

    const whileOpen = await scan();
    expect(whileOpen).toMatchObject({ driftBytes: '0', scannedBytes: await du() });
    // Allocated ahead of its end.
    expect(Number(whileOpen.scannedBytes)).toBeGreaterThan(size + MiB);

    await growing.close();
    const closed = await lab.waitFor('XFS to give it back', async () => {
      const usage = await scan();
      return Number(usage.scannedBytes) < size + MiB ? usage : undefined;
    });
    expect(closed).toMatchObject({ driftBytes: '0', scannedBytes: await du() });

    const { errno, written } = await writeUntilError(`${pv.path}/full`, CHUNK, 128 * MiB);
    expect(errno).toBe('EDQUOT');
    expect(written).toBeGreaterThan(64 * MiB - size - 4 * CHUNK);
  });
});
