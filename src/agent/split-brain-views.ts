/** What the API shows of split-brain, and tells the agents of the other bricks. */
import { pvOfPath } from '../brick/pv-path.ts';
import type { SplitBrain } from '../heal/split-brain.ts';
import { bytesToText } from '../lib/byte-text.ts';
import { AgentError } from '../lib/errors.ts';
import type { Agent } from './agent.ts';
import type { SplitBrainView } from './http/heal-schemas.ts';
import type { SplitBrainService } from './http/services.ts';
import type { KnownSplitBrain, SplitBrainWatch } from './split-brain.ts';

export function splitBrainService(agent: Agent): SplitBrainService {
  return {
    view: () => splitBrainView(required(agent)),
    objects: async ({ gfids, names }) => {
      const { copies, named } = await agent.worker.call('copies', { gfids, names });
      const { volumeId, brickIndex } = agent.config;
      return { volumeId, instance: agent.instance, brickIndex, copies, named: named.map((found) => found ?? null) };
    },
  };
}

function required({ splitBrain }: Agent): SplitBrainWatch {
  if (splitBrain !== undefined) return splitBrain;
  throw new AgentError('NotSupported', 'only a replicated volume can be in split-brain');
}

function splitBrainView(watch: SplitBrainWatch): SplitBrainView {
  const { unknown, items, checkedAt } = watch.status();
  return {
    unknown: unknown ?? null,
    checkedAt: checkedAt === undefined ? null : new Date(checkedAt).toISOString(),
    items: items.map(itemView),
  };
}

function itemView(item: KnownSplitBrain): SplitBrainView['items'][number] {
  const { gfid, kinds, type, path, copies, since, confirmedAt } = item;
  const pv = path === undefined ? undefined : pvOfPath(path);
  return {
    gfid,
    kinds,
    type,
    path: path === undefined ? null : bytesToText(`/${path}`),
    pv: pv === undefined ? null : bytesToText(pv),
    since: new Date(since).toISOString(),
    confirmedAt: new Date(confirmedAt).toISOString(),
    copies: copies.map(copyView),
  };
}

function copyView({ brickIndex, isArbiter, copy, blames, named }: SplitBrain['copies'][number]) {
  const present = typeof copy === 'string' ? undefined : copy;
  return {
    brickIndex,
    isArbiter,
    state: typeof copy === 'string' ? copy : ('present' as const),
    size: present?.size ?? null,
    modifiedAt: present === undefined ? null : new Date(present.modifiedAt).toISOString(),
    mode: present?.mode.toString(8) ?? null,
    uid: present?.uid ?? null,
    gid: present?.gid ?? null,
    blames: blames.map(({ brickIndex: blamed, counters }) => ({ brickIndex: blamed, ...counters })),
    named: named ?? null,
  };
}
