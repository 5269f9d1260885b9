/** `quota scan`: asks for scans, shows how far they are, and what came of them. */
import { Check } from 'typebox/value';
import { quotaListSchema, scanStatusSchema, type QuotaList, type ScanStatusView } from '../../agent/http/schemas.ts';
import { AgentError, isAgentError } from '../../lib/errors.ts';
import { formatBytes, formatDuration } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { colourStatus, formatTable, printable } from '../table.ts';
import { waitWhile } from '../wait.ts';

const BAR_WIDTH = 30;

type QuotaItem = QuotaList['items'][number];

/** Exit 1 when a scan failed, was not done in time or found that a brick's counter is not true. @param timeoutMs 0: as long as anything moves */
export async function quotaScan(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string | undefined,
  timeoutMs: number,
): Promise<ExitCode> {
  const before = new Map((await list(client)).map((item) => [item.pv, item.status.usage.scannedAt]));
  const names = new Set(pv === undefined ? await requestAll(client, before.keys()) : [pv]);
  if (pv !== undefined) await request(client, pv);
  const failed = await finished(client, output, names, !json && process.stderr.isTTY, timeoutMs);
  const items = (await list(client)).filter((item) => names.has(item.pv));
  const isKnown = new Set(failed.map(({ pv: name }) => name));
  const unfinished = items
    .filter((item) => item.status.usage.scannedAt === before.get(item.pv) && !isKnown.has(item.pv))
    .map((item) => item.pv);
  if (json) printJson(output, { items, failed, unfinished });
  else {
    output.line(table(items));
    for (const { pv: name, message } of failed) output.line(`${printable(name)}: ${printable(message)}`);
    for (const name of unfinished) output.line(`${printable(name)}: its scan was cut short; ask again`);
  }
  const isTrue = items.every((item) => usageTrue(item)?.status !== 'False');
  return isTrue && failed.length === 0 && unfinished.length === 0 ? 0 : 1;
}

async function request(client: AgentClient, pv: string): Promise<void> {
  await client.request('POST', `/v1/quotas/${encodeURIComponent(pv)}/scan`);
}

/** @returns those that are still there */
async function requestAll(client: AgentClient, pvs: Iterable<string>): Promise<string[]> {
  const there: string[] = [];
  for (const pv of pvs) {
    try {
      await request(client, pv);
      there.push(pv);
    } catch (error) {
      // Deleted since they were listed.
      if (!isAgentError(error, 'NotFound')) throw error;
    }
  }
  return there;
}

/** @returns the scans that failed */
async function finished(
  client: AgentClient,
  output: Output,
  names: ReadonlySet<string>,
  show: boolean,
  timeoutMs: number,
): Promise<ScanStatusView['failed']> {
  const clear = (): void => {
    if (show) output.rawError('\r\u{1b}[K');
  };
  const look = async () => {
    const status = await scanStatus(client);
    const waiting = status.requested.filter((name) => names.has(name));
    const isRunning = status.running !== null && names.has(status.running.pv);
    if (waiting.length === 0 && !isRunning) return { done: status.failed.filter(({ pv }) => names.has(pv)) };
    if (show) output.rawError(`\r\u{1b}[K${progressLine(status, names.size - waiting.length, names.size)}`);
    return { mark: scanMark(status) };
  };
  return await waitWhile(look, { timeoutMs, leave: clear });
}

export async function scanStatus(client: AgentClient): Promise<ScanStatusView> {
  const status = await client.get('/v1/scan');
  if (Check(scanStatusSchema, status)) return status;
  throw new AgentError('RpcProtocol', 'the agent answered something else than the state of its scans');
}

/** Another text whenever a scan has come further. */
export function scanMark({ running, requested }: ScanStatusView): string {
  return JSON.stringify([requested.length, running?.pv, running?.startedAt, running?.files, running?.diskBytes]);
}

/** `[#########.....................] 2/7 pvc-1: 12000 files, 1.5 GiB, 40000/s, 3.2 s left`. */
export function progressLine({ running }: ScanStatusView, started: number, total: number): string {
  const { files = 0, totalFiles } = running ?? {};
  const within =
    totalFiles === undefined || totalFiles === null || totalFiles === 0 ? 0 : Math.min(1, files / totalFiles);
  const part = Math.min(1, Math.max(0, started - 1 + within) / total);
  const filled = Math.round(part * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${started}/${total}`;
  if (running === null) return bar;
  const left = running.etaSeconds === null ? '' : `, ${formatDuration(running.etaSeconds * 1000)} left`;
  const bytes = formatBytes(BigInt(running.diskBytes));
  return `${bar} ${printable(running.pv)}: ${files} files, ${bytes}, ${running.filesPerSecond.toFixed(0)}/s${left}`;
}

function table(items: readonly QuotaItem[]): string {
  return formatTable<QuotaItem>(
    [
      { title: 'PV', cell: (item) => printable(item.pv) },
      { title: 'FILES', cell: (item) => item.status.usage.files?.toString(), align: 'right' },
      { title: 'OCCUPIES', cell: (item) => bytes(item.status.usage.scannedBytes), align: 'right' },
      { title: 'COUNTER', cell: (item) => bytes(item.status.usage.counterBytes), align: 'right' },
      { title: 'DRIFT', cell: (item) => bytes(item.status.usage.driftBytes), align: 'right' },
      { title: 'TRUE', cell: (item) => colourStatus(usageTrue(item)?.status ?? 'Unknown') },
      { title: 'WHY', cell: (item) => usageTrue(item)?.reason ?? 'NoLimit' },
    ],
    items,
  );
}

async function list(client: AgentClient): Promise<QuotaItem[]> {
  const body = await client.get('/v1/quotas');
  if (!Check(quotaListSchema, body)) {
    throw new AgentError('RpcProtocol', 'the agent answered something else than a quota list');
  }
  return body.items;
}

function usageTrue(item: QuotaItem): QuotaItem['status']['conditions'][number] | undefined {
  return item.status.conditions.find(({ type }) => type === 'UsageTrue');
}

function bytes(text: string | null): string | undefined {
  return text === null ? undefined : formatBytes(BigInt(text));
}
