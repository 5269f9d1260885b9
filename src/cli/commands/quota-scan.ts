/** `quota scan`: asks for scans, shows how far they are, and what came of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { Check } from 'typebox/value';
import { quotaListSchema, scanStatusSchema, type QuotaList, type ScanStatusView } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes, formatDuration } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { colourStatus, formatTable, printable } from '../table.ts';

/** Pause between two looks, in milliseconds. */
const POLL_MS = 250;
const BAR_WIDTH = 30;

type QuotaItem = QuotaList['items'][number];

/** Exit 1 when a scan failed or a brick's counter is not true. */
export async function quotaScan(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string | undefined,
): Promise<ExitCode> {
  const names = new Set(pv === undefined ? (await list(client)).map((item) => item.pv) : [pv]);
  const before = new Map((await list(client)).map((item) => [item.pv, item.status.usage.scannedAt]));
  for (const name of names) await client.request('POST', `/v1/quotas/${encodeURIComponent(name)}/scan`);
  const failed = await finished(client, output, names, !json && process.stderr.isTTY);
  const items = (await list(client)).filter((item) => names.has(item.pv));
  const unfinished = items.filter((item) => item.status.usage.scannedAt === before.get(item.pv));
  if (json) printJson(output, { items, failed });
  else {
    output.line(table(items));
    for (const { pv: name, message } of failed) output.line(`${printable(name)}: ${message}`);
  }
  const isTrue = items.every((item) => usageTrue(item)?.status !== 'False');
  return isTrue && failed.length === 0 && unfinished.length === 0 ? 0 : 1;
}

/** @returns the scans that failed */
async function finished(
  client: AgentClient,
  output: Output,
  names: ReadonlySet<string>,
  show: boolean,
): Promise<ScanStatusView['failed']> {
  for (;;) {
    const status = await client.get('/v1/scan');
    if (!Check(scanStatusSchema, status)) {
      throw new AgentError('RpcProtocol', 'the agent answered something else than the state of its scans');
    }
    const waiting = status.requested.filter((name) => names.has(name));
    const isRunning = status.running !== null && names.has(status.running.pv);
    if (show) output.rawError(`\r\u{1b}[K${progressLine(status, names.size - waiting.length, names.size)}`);
    if (waiting.length === 0 && !isRunning) {
      if (show) output.rawError('\r\u{1b}[K');
      return status.failed.filter(({ pv }) => names.has(pv));
    }
    await delay(POLL_MS);
  }
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
