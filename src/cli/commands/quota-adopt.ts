/** `quota adopt`: has the running bricks take a PV into their count as a whole, and waits for it. */
import { Check } from 'typebox/value';
import { adoptionSchema, type AdoptionStatusView } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { printable } from '../table.ts';
import { waitWhile } from '../wait.ts';

/** Exit 0 when all of the PV is counted; what has to wait goes on by itself. @param timeoutMs 0: as long as anything moves */
export async function quotaAdopt(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string,
  timeoutMs: number,
): Promise<ExitCode> {
  const path = `/v1/quotas/${encodeURIComponent(pv)}/adoption`;
  let view = viewOf((await client.request('POST', path)).body);
  let told = '';
  const look = async () => {
    const { state, step, message, directories, wrong } = view;
    if (state !== 'Pending' && state !== 'Running') return { done: view };
    if (!json && message !== told) output.rawError(`${step}: ${printable(message)}\n`);
    told = message;
    view = viewOf(await client.get(path));
    return { mark: JSON.stringify([state, step, message, directories, wrong]) };
  };
  view = await waitWhile(look, { timeoutMs });
  if (json) printJson(output, view);
  else {
    const { state, message, directories, wrong } = view;
    const outside = wrong === null || wrong === 0 ? '' : `, ${wrong} outside`;
    output.line(`${printable(pv)}: ${state}: ${printable(message)} (${directories} directories moved${outside})`);
  }
  return view.state === 'Succeeded' ? 0 : 1;
}

function viewOf(body: unknown): AdoptionStatusView {
  if (Check(adoptionSchema, body)) return body;
  throw new AgentError('RpcProtocol', 'the agent answered something else than an adoption');
}
