/** `quota repair`: has a counter set right, and waits for what comes of it. */
import { Check } from 'typebox/value';
import { quotaViewSchema, type QuotaList } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { printable } from '../table.ts';
import { waitWhile } from '../wait.ts';
import { scanMark, scanStatus } from './quota-scan.ts';

type QuotaItem = QuotaList['items'][number];

/** Exit 0 when the counter is right. @param timeoutMs 0: as long as anything moves */
export async function quotaRepair(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string,
  timeoutMs: number,
): Promise<ExitCode> {
  const path = `/v1/quotas/${encodeURIComponent(pv)}`;
  let view = viewOf((await client.request('POST', `${path}/repair`)).body);
  let told = '';
  const look = async () => {
    const { repair } = view.status;
    if (repair?.requested !== true) return { done: view };
    if (!json && repair.message !== told) output.rawError(`${repair.state}: ${printable(repair.message)}\n`);
    told = repair.message;
    // Most of it is scanning, of this PV or of those that came before it.
    const mark = `${repair.at} ${repair.message} ${scanMark(await scanStatus(client))}`;
    view = viewOf(await client.get(path));
    return { mark };
  };
  const { repair } = (await waitWhile(look, { timeoutMs })).status;
  if (json) printJson(output, view);
  else output.line(`${printable(pv)}: ${repairLine(repair)}`);
  return repair?.state === 'Repaired' || repair?.state === 'Nothing' ? 0 : 1;
}

/** In words, e.g. `Repaired (CounterShifted): the brick's counter was lowered by 5 MiB`. */
export function repairLine(repair: QuotaItem['status']['repair']): string {
  if (repair === null) return 'nothing was done about its counter';
  const { state, reason, message, shiftedBytes } = repair;
  const shifted = shiftedBytes === null ? '' : ` (${shiftedBytes} bytes)`;
  return `${state} (${reason}): ${printable(message)}${shifted}`;
}

/** What the brick counts too much or too little; undefined when it counts right, or that is not known. */
export function driftText(driftBytes: string | null): string | undefined {
  if (driftBytes === null || driftBytes === '0') return undefined;
  const drift = BigInt(driftBytes);
  return drift < 0n ? `${formatBytes(-drift)} too little` : `${formatBytes(drift)} too much`;
}

function viewOf(body: unknown): QuotaItem {
  if (Check(quotaViewSchema, body)) return body;
  throw new AgentError('RpcProtocol', 'the agent answered something else than a quota');
}
