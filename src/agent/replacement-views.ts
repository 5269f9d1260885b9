/** What the API shows of how a brick is marked as replaced. */
import { AgentError } from '../lib/errors.ts';
import type { Agent } from './agent.ts';
import type { ReplacementView } from './http/replacement-schemas.ts';
import type { ReplacementService } from './http/services.ts';
import type { MarkResult, Replacement, ReplacementOffer } from './replacement.ts';

/** A look at all bricks, and a change on each with a look of its own; in milliseconds. */
const REPLACE_DEADLINE_MS = 60_000;

export function replacementService(agent: Agent): ReplacementService {
  return {
    replace: async ({ brick = agent.config.brickIndex, plan }) => {
      const replacement = required(agent);
      const signal = AbortSignal.timeout(REPLACE_DEADLINE_MS);
      if (plan === undefined) return view(await replacement.plan(brick, signal), null);
      const { offer, results } = await replacement.execute(brick, plan, signal);
      return view(offer, results);
    },
    mark: async (brick, signal) => await required(agent).mark(brick, signal),
  };
}

function required({ config, replacement }: Agent): Replacement {
  if (replacement !== undefined) return replacement;
  const why =
    config.volumeType === 'Replica1'
      ? 'there is no other copy'
      : config.volumeType === 'Disperse'
        ? 'a disperse volume knows no such mark: brick-agent heal start --full'
        : 'the other bricks cannot be asked: no peers are configured';
  throw new AgentError('NotSupported', why);
}

function view({ target, planned }: ReplacementOffer, results: MarkResult[] | null): ReplacementView {
  const plan = 'plan' in planned ? planned.plan : undefined;
  return {
    brick: target,
    plan: plan?.id ?? null,
    refusal: 'refusal' in planned ? planned.refusal : null,
    steps: (plan?.steps ?? []).map(({ brickIndex, child, add: { data, metadata, entry } }) => {
      return { brickIndex, child, data, metadata, entry };
    }),
    results: results?.map(({ brickIndex, failure }) => ({ brickIndex, failure: failure ?? null })) ?? null,
  };
}
