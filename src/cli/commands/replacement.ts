import { Check } from 'typebox/value';
import { replacementSchema, type ReplacementView } from '../../agent/http/replacement-schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';

/** Longer than the agent takes; in milliseconds. */
const TIMEOUT_MS = 70_000;

/** Shows what would be marked; with `yes` does exactly that. Exit 1 when it is refused, or fails on a brick. */
export async function healMarkReplaced(
  client: AgentClient,
  output: Output,
  json: boolean,
  brick: number | undefined,
  yes: boolean,
): Promise<ExitCode> {
  const request = brick === undefined ? {} : { brick };
  const planned = await post(client, request);
  const view = yes && planned.plan !== null ? await post(client, { ...request, plan: planned.plan }) : planned;
  if (json) printJson(output, view);
  else print(output, view);
  const isDone = view.results?.every(({ failure }) => failure === null) ?? true;
  return view.refusal === null && isDone ? 0 : 1;
}

async function post(client: AgentClient, request: { brick?: number; plan?: string }): Promise<ReplacementView> {
  const { body } = await client.request('POST', '/v1/heal/mark-replaced', request, TIMEOUT_MS);
  if (Check(replacementSchema, body)) return body;
  throw new AgentError('RpcProtocol', 'the agent answered something else than a plan');
}

function print(output: Output, { brick, plan, refusal, steps, results }: ReplacementView): void {
  if (refusal !== null) {
    output.line(`Brick ${brick} is not marked: ${refusal}`);
    return;
  }
  if (steps.length === 0) output.line(`Brick ${brick} is marked on all others of its set already.`);
  for (const { brickIndex, child, data, metadata, entry } of steps) {
    const result = results?.find((result) => result.brickIndex === brickIndex);
    const outcome = result === undefined ? '' : result.failure === null ? ': marked' : `: FAILED: ${result.failure}`;
    const added = `data +${data}, metadata +${metadata}, entry +${entry}`;
    output.line(`On the root of brick ${brickIndex}: trusted.afr.${child} ${added}${outcome}`);
  }
  if (results === null && steps.length > 0)
    output.line(`Plan ${plan}; nothing is changed. With --yes it is carried out.`);
  else if (results !== null)
    output.line(
      'A heal was asked for on each; brick-agent heal status in their pods shows how it went, and the backlog.',
    );
}
