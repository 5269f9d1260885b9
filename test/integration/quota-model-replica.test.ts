import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { startPeers } from '../support/agents.ts';
import { replicaOperations } from '../support/quota-model.ts';
import { runQuotaModel } from '../support/quota-model-runs.ts';
import { FORGETFUL, OFTEN, type World } from '../support/quota-subject.ts';

/** Two rest points: each may have to wait for a heal, an adoption and an audit. */
const LENGTH = { minLength: 8, maxLength: 14 };
const TIME_LIMIT_MS = 25_000;
/** Of a run with several bricks that go, each healed, adopted and audited before the next one, in milliseconds. */
const DEADLINE_MS = 300_000;
/** What the self-heal daemon brings to a brick that was away may be outside of its PV there (docs/quota.md): that is to end by itself. */
const AUTOMATIC = { BRICK_AGENT_QUOTA_ADOPTION: 'auto' };

const isAsked = process.env['QUOTA_MODEL_REPLICA'] !== undefined;

let lab: Lab | undefined;
let world: World;

beforeAll(async () => {
  if (!isAsked) return;
  lab = await Lab.create({ name: 'quota-model-replica' });
  const volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
  await volume.start();
  const client = await volume.mount({ args: FORGETFUL });
  const agents = await startPeers(lab, volume, { ...OFTEN, ...AUTOMATIC });
  world = { lab, volume, client, agents };
});
afterAll(async () => lab?.destroy());

const whySkipped = isAsked
  ? ''
  : ' (skipped: one run in twelve fails where one agent alone is told a limit, and a heal has brought an older record of it to another brick, whose agent holds on to that; run with QUOTA_MODEL_REPLICA=1)';

it.skipIf(!isAsked)(
  `keeps all copies, their counters and limits as a simple model says${whySkipped}`,
  async () => {
    const { runs, rests } = await runQuotaModel(world, replicaOperations, LENGTH, TIME_LIMIT_MS);
    expect(rests).toBeGreaterThanOrEqual(2 * runs);
  },
  DEADLINE_MS,
);
