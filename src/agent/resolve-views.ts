/** What the API shows of how a split-brain is ended. */
import { pvOfPath } from '../brick/pv-path.ts';
import { bytesToText } from '../lib/byte-text.ts';
import { AgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { Agent } from './agent.ts';
import type { ResolutionView, ResolveRequest } from './http/resolve-schemas.ts';
import type { ResolveService } from './http/services.ts';
import type { ResolutionItem, ResolutionResult, Resolver } from './resolver.ts';
import { MAX_OBJECTS } from './split-brain.ts';

/** Two comparisons, the changes on every brick, and a wait for the heal; in milliseconds. */
const RESOLVE_DEADLINE_MS = 120_000;

export function resolveService(agent: Agent): ResolveService {
  return {
    resolve: async (request) => {
      const resolver = required(agent);
      const { policy, sourceBrick } = request;
      const gfids = await objectsOf(agent, request);
      const signal = AbortSignal.timeout(RESOLVE_DEADLINE_MS);
      if (request.plan === undefined) {
        const { id, items } = await resolver.plan(gfids, policy, sourceBrick, signal);
        return view(id, items, null);
      }
      const { offer, results } = await resolver.execute(gfids, policy, sourceBrick, request.plan, signal);
      return view(offer.id, offer.items, results);
    },
    crawl: async (signal) => await required(agent).crawl(signal),
    change: async (change, signal) => await required(agent).change(change, signal),
    removeName: async (removal, signal) =>
      await required(agent).removeName({ ...removal, brickIndex: agent.config.brickIndex }, signal),
  };
}

function required({ resolver, splitBrain }: Agent): Resolver {
  if (resolver !== undefined) return resolver;
  if (splitBrain !== undefined) {
    throw new AgentError(
      'NotSupported',
      'the other bricks cannot be asked: no peers are configured (peers, apiTokenFile)',
    );
  }
  throw new AgentError('NotSupported', 'only a replicated volume can be in split-brain');
}

async function objectsOf({ healInsight, splitBrain }: Agent, { object, pv }: ResolveRequest): Promise<Gfid[]> {
  if (object === undefined && pv === undefined) throw new AgentError('BadRequest', 'name an object or a PV');
  if (object !== undefined && pv !== undefined) {
    throw new AgentError('BadRequest', 'name an object or a PV, and not both');
  }
  if (object !== undefined) return [await healInsight.gfidOf(object)];
  const items = splitBrain?.status().items ?? [];
  const gfids = items.flatMap(({ gfid, path }) => (path !== undefined && pvName(path) === pv ? [gfid] : []));
  if (gfids.length === 0)
    throw new AgentError('NotFound', `nothing of ${pv} is known to be in split-brain on this brick`);
  return gfids.slice(0, MAX_OBJECTS);
}

function pvName(path: string): string | undefined {
  const pv = pvOfPath(path);
  return pv === undefined ? undefined : bytesToText(pv);
}

function view(plan: string, items: readonly ResolutionItem[], results: ResolutionResult[] | null): ResolutionView {
  return { plan, items: items.map(itemView), results };
}

function itemView({ found: { gfid, path, kinds }, planned }: ResolutionItem): ResolutionView['items'][number] {
  const plan = 'plan' in planned ? planned.plan : undefined;
  return {
    gfid,
    path: path === undefined ? null : bytesToText(`/${path}`),
    kinds,
    refusal: 'refusal' in planned ? planned.refusal : null,
    source: plan?.source ?? null,
    keepers: plan?.keepers ?? [],
    losers: plan?.losers ?? [],
    steps: (plan?.steps ?? []).map(({ brickIndex, child, add: { data, metadata } }) => {
      return { brickIndex, child, data, metadata };
    }),
    removals: (plan?.removals ?? []).map(({ brickIndex, gfid, expected: { type, size, modifiedAt } }) => {
      return { brickIndex, gfid, type, size, modifiedAt: new Date(modifiedAt).toISOString() };
    }),
  };
}
