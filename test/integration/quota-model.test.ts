import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAgent } from '../lab/agent.ts';
import { Lab } from '../lab/lab.ts';
import { operations } from '../support/quota-model.ts';
import { runQuotaModel } from '../support/quota-model-runs.ts';
import { FORGETFUL, OFTEN, type World } from '../support/quota-subject.ts';

const LENGTH = { minLength: 14, maxLength: 28 };
const TIME_LIMIT_MS = 25_000;

let lab: Lab;
let world: World;

beforeAll(async () => {
  lab = await Lab.create({ name: 'quota-model' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  const client = await volume.mount({ args: FORGETFUL });
  const agent = await startAgent(lab, volume, volume.brick(0), { env: OFTEN });
  world = { lab, volume, client, agents: [agent] };
});
afterAll(async () => lab.destroy());

it('counts and limits as a simple model says, whatever is done to the PV, its limit and its brick', async () => {
  const { runs, rests } = await runQuotaModel(world, operations, LENGTH, TIME_LIMIT_MS);
  expect(rests).toBeGreaterThanOrEqual(2 * runs);
});
