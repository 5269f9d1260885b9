/** Clients that mount from a brick: it hands out their volfile, and tells them when it has changed. */
import { readFile, writeFile } from 'node:fs/promises';
import { Check } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { volfileListSchema, type VolfileView } from '../../src/agent/http/schemas.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import type { Brick } from '../lab/brick.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { ClientLoad } from '../support/client-load.ts';

const CLIENT_FILE = 'vol1.vol';

let lab: Lab;
let volume: Volume;
let brick: Brick;
let client: Mount;
let agent: LabAgent;

beforeAll(async () => {
  lab = await Lab.create({ name: 'volfile-served' });
  volume = await lab.volume({ name: 'vol1', type: 'single' });
  brick = volume.brick(0);
  const text = await volume.configMap.text(brick.volfileName);
  await volume.configMap.swap({
    [brick.volfileName]: text.replace(
      'type protocol/server\n',
      `$&    option volspec-directory ${volume.configMap.dir}\n`,
    ),
  });
  await volume.start();
  client = await volume.mount({ volfileServer: { port: brick.port, id: 'vol1' } });
  agent = await startAgent(lab, volume, brick);
});
afterAll(async () => lab.destroy());

async function served(): Promise<VolfileView | undefined> {
  const { json } = await agent.api('GET', '/v1/volfiles');
  return Check(volfileListSchema, json) ? json.items.find(({ process }) => process === 'client') : undefined;
}

async function waitVerdict(verdict: string): Promise<VolfileView | undefined> {
  await lab.waitFor(verdict, async () => {
    const view = await served();
    return view !== undefined && `${view.outcome}/${view.reason}` === verdict;
  });
  return await served();
}

async function clientFile(change: (text: string) => string): Promise<void> {
  await volume.configMap.swap({ [CLIENT_FILE]: change(await volume.configMap.text(CLIENT_FILE)) });
}

function pingTimeout(seconds: number): (text: string) => string {
  return (text) => text.replace(/option ping-timeout \d+/, `option ping-timeout ${seconds}`);
}

describe("the clients' volfile", () => {
  it('is handed out, and a change of it reaches a client by itself', async () => {
    const { pid } = brick;
    await lab.waitFor('the served file', async () => (await served()) !== undefined);
    const log = async (): Promise<string> => await readFile(client.logFile, 'utf8');
    await clientFile(pingTimeout(31));
    const view = await waitVerdict('Applied/Refetched');
    expect(view?.runningSha256).toBe(view?.wantedSha256);
    expect(view).toMatchObject({ file: CLIENT_FILE, lastReload: { how: 'reload', success: true } });
    // The client's own word, which no agent can see.
    await lab.waitFor('the re-fetch', async () => (await log()).includes('option ping-timeout using set value 31'));
    expect(await log()).toContain('Volume file changed');
    await writeFile(`${client.path}/alive`, 'x');
    expect([brick.running, brick.pid]).toEqual([true, pid]);
  });

  it('is kept back when it would hurt them', async () => {
    const lines = (await readFile(brick.logFile, 'utf8')).length;
    const good = await volume.configMap.text(CLIENT_FILE);
    await clientFile((text) => text.replace(/^ *option remote-subvolume .*\n/m, ''));
    const view = await waitVerdict('Rejected/LintError');
    expect(view?.message).toContain('VF207');
    expect((await readFile(brick.logFile, 'utf8')).slice(lines)).not.toContain('No change in volfile');
    await clientFile(() => good);
    await waitVerdict('Applied/Refetched');
  });

  it('changes the tree of a client in use without an error', async () => {
    const load = new ClientLoad(`${client.path}/load`);
    await load.start();
    const { length } = await readFile(client.logFile, 'utf8');
    await clientFile((text) =>
      text.replace(
        /volume vol1\n[^]*?subvolumes vol1-client-0\n/,
        (top) =>
          `volume vol1-wb\n    type performance/write-behind\n    subvolumes vol1-client-0\nend-volume\n\n${top.replace('subvolumes vol1-client-0', 'subvolumes vol1-wb')}`,
      ),
    );
    await waitVerdict('Applied/Refetched');
    await lab.waitFor('the new graph', async () =>
      (await readFile(client.logFile, 'utf8')).slice(length).includes('switched to graph'),
    );
    const { operations, errors } = await load.end();
    expect(errors).toEqual([]);
    expect(operations).toBeGreaterThan(0);
    expect(await load.missingIn(`${client.path}/load`)).toEqual([]);
    expect(await volume.configMap.text(CLIENT_FILE)).toContain('write-behind');
  });
});
