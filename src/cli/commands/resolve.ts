import { Check } from 'typebox/value';
import { resolutionSchema, type ResolutionView, type ResolveRequest } from '../../agent/http/resolve-schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';

/** Longer than the agent takes for comparisons, changes and the heal; in milliseconds. */
const TIMEOUT_MS = 130_000;

/** Shows the plan; with `yes` carries out exactly that. Exit 1 when anything is refused, fails, or has not healed yet. */
export async function healResolve(
  client: AgentClient,
  output: Output,
  json: boolean,
  request: ResolveRequest,
  yes: boolean,
): Promise<ExitCode> {
  const planned = await post(client, request);
  const isPossible = planned.items.some(({ refusal }) => refusal === null);
  const view = yes && isPossible ? await post(client, { ...request, plan: planned.plan }) : planned;
  if (json) printJson(output, view);
  else print(output, view, yes);
  if (view.results !== null) return view.results.every(({ outcome }) => outcome === 'Healed') ? 0 : 1;
  return planned.items.every(({ refusal }) => refusal === null) ? 0 : 1;
}

async function post(client: AgentClient, request: ResolveRequest): Promise<ResolutionView> {
  const { body } = await client.request('POST', '/v1/heal/resolve', request, TIMEOUT_MS);
  if (Check(resolutionSchema, body)) return body;
  throw new AgentError('RpcProtocol', 'the agent answered something else than a plan');
}

function print(output: Output, { plan, items, results }: ResolutionView, yes: boolean): void {
  for (const { gfid, path, kinds, refusal, source, keepers, losers, steps, removals } of items) {
    output.line(`${path ?? '(path not known)'}  ${gfid}  ${kinds.join(', ')}`);
    if (refusal !== null) output.line(`  not done: ${refusal}`);
    else {
      const alike = keepers.filter((index) => index !== source);
      output.line(`  keep the copy of brick ${source}${alike.length > 0 ? ` (the same as ${alike.join(', ')})` : ''}`);
      if (removals.length === 0) output.line(`  overwrite brick ${losers.join(', ')}`);
      for (const removal of removals) {
        const { brickIndex, gfid, type, size, modifiedAt } = removal;
        output.line(`  on brick ${brickIndex}: remove the ${type} ${gfid} (${size} bytes, changed ${modifiedAt})`);
      }
      for (const step of steps) {
        output.line(
          `    on brick ${step.brickIndex}: trusted.afr.${step.child} data ${signed(step.data)}, metadata ${signed(step.metadata)}`,
        );
      }
    }
    const result = results?.find((result) => result.gfid === gfid);
    if (result !== undefined) output.line(`  ${result.outcome}: ${result.message}`);
  }
  if (results !== null) return;
  if (items.every(({ refusal }) => refusal !== null))
    output.line('Nothing is changed, and with --yes nothing would be.');
  else if (!yes) output.line(`Plan ${plan}; nothing is changed. With --yes it is carried out.`);
}

function signed(count: number): string {
  return count > 0 ? `+${count}` : String(count);
}
