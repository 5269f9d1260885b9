/** `quota scan`: asks for scans, shows how far they are, and what came of them; by Ctrl-C, or with --cancel, takes them back. */
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
  const asked = pv === undefined ? new AskedScans(client, before.keys(), true) : new AskedScans(client, [pv], false);
  const { failed, cancelled } = await finished(client, output, asked, !json && process.stderr.isTTY, timeoutMs);
  const { names } = asked;
  const items = (await list(client)).filter((item) => names.has(item.pv));
  const isKnown = new Set(failed.map(({ pv: name }) => name));
  const unfinished = items
    .filter((item) => item.status.usage.scannedAt === before.get(item.pv) && !isKnown.has(item.pv))
    .map((item) => item.pv);
  if (json) printJson(output, { items, failed, unfinished, cancelled });
  else {
    output.line(table(items));
    for (const { pv: name, message } of failed) output.line(`${printable(name)}: ${printable(message)}`);
    for (const name of unfinished) {
      const why = cancelled.some(({ pv: other }) => other === name) ? 'cancelled' : 'cut short';
      output.line(`${printable(name)}: its scan was ${why}; ask again`);
    }
  }
  const isTrue = items.every((item) => usageTrue(item)?.status !== 'False');
  return isTrue && failed.length === 0 && unfinished.length === 0 ? 0 : 1;
}

/** `quota scan --cancel`: of one PV, or all that run or wait, whoever asked for them. Exit 0 also when there is none. */
export async function quotaScanCancel(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string | undefined,
): Promise<ExitCode> {
  const cancelled = await cancelPending(client, (name) => pv === undefined || name === pv);
  // For its word on a PV that is not there.
  if (pv !== undefined && cancelled.length === 0) await cancel(client, pv);
  if (json) printJson(output, { cancelled });
  else if (cancelled.length === 0) output.line('no such scan runs or waits');
  for (const name of json ? [] : cancelled) output.line(cancelledText(name));
  return 0;
}

/** The scans that one command has asked for. */
class AskedScans {
  /** PVs that are there. */
  readonly names = new Set<string>();
  readonly #client: AgentClient;
  readonly #pvs: Iterable<string>;
  /** They were listed, and may have been deleted since. */
  readonly #areListed: boolean;
  /** PVs whose scan somebody else waits for. */
  #others = new Set<string>();
  #asking: Promise<void> | undefined;

  constructor(client: AgentClient, pvs: Iterable<string>, areListed: boolean) {
    this.#client = client;
    this.#pvs = pvs;
    this.#areListed = areListed;
  }

  /** Once, however often it is called. */
  async ask(signal: AbortSignal): Promise<void> {
    this.#asking ??= this.#askAll(signal);
    await this.#asking;
  }

  /** @returns PVs whose scan is cancelled, and those whose scan somebody else had asked for before */
  async takeBack(): Promise<{ cancelled: string[]; left: string[] }> {
    // The last request may still be on its way.
    await this.#asking?.catch(() => undefined);
    const isOwn = (name: string): boolean => this.names.has(name) && !this.#others.has(name);
    const cancelled = await cancelPending(this.#client, isOwn);
    const { requested } = await scanStatus(this.#client);
    return { cancelled, left: requested.filter((name) => this.names.has(name) && !isOwn(name)) };
  }

  async #askAll(signal: AbortSignal): Promise<void> {
    this.#others = new Set((await scanStatus(this.#client)).requested);
    for (const pv of this.#pvs) {
      if (signal.aborted) throw new AgentError('Aborted', 'nobody waits for it any more');
      this.names.add(pv);
      try {
        await this.#client.request('POST', scanPath(pv));
      } catch (error) {
        this.names.delete(pv);
        if (!this.#areListed || !isAgentError(error, 'NotFound')) throw error;
      }
    }
  }
}

/** The one that runs comes last: the next would begin. @returns those that ran or waited */
async function cancelPending(client: AgentClient, isMeant: (pv: string) => boolean): Promise<string[]> {
  const { running, requested } = await scanStatus(client);
  const waiting = requested.filter((name) => name !== running?.pv);
  const pvs = [...waiting, ...(running === null ? [] : [running.pv])].filter(isMeant);
  for (const pv of pvs) {
    try {
      await cancel(client, pv);
    } catch (error) {
      // Deleted since.
      if (!isAgentError(error, 'NotFound')) throw error;
    }
  }
  return pvs;
}

async function cancel(client: AgentClient, pv: string): Promise<void> {
  await client.request('DELETE', scanPath(pv));
}

function scanPath(pv: string): string {
  return `/v1/quotas/${encodeURIComponent(pv)}/scan`;
}

function cancelledText(pv: string): string {
  return `${printable(pv)}: its scan is cancelled; what was measured before stands`;
}

/** @returns what became of the scans that are not done */
async function finished(
  client: AgentClient,
  output: Output,
  asked: AskedScans,
  show: boolean,
  timeoutMs: number,
): Promise<Pick<ScanStatusView, 'failed' | 'cancelled'>> {
  const { names } = asked;
  const leave = (): void => {
    if (show) output.rawError('\r\u{1b}[K');
  };
  const takeBack = async (): Promise<void> => {
    const { cancelled, left } = await asked.takeBack();
    for (const name of cancelled) output.error(cancelledText(name));
    for (const name of left) output.error(`${printable(name)}: somebody else had asked for its scan, which goes on`);
  };
  const isAsked = ({ pv }: { pv: string }): boolean => names.has(pv);
  const look = async (signal: AbortSignal) => {
    await asked.ask(signal);
    const status = await scanStatus(client);
    const waiting = status.requested.filter((name) => names.has(name));
    const isRunning = status.running !== null && names.has(status.running.pv);
    if (waiting.length === 0 && !isRunning) {
      return { done: { failed: status.failed.filter(isAsked), cancelled: status.cancelled.filter(isAsked) } };
    }
    if (show) output.rawError(`\r\u{1b}[K${progressLine(status, names.size - waiting.length, names.size)}`);
    return { mark: scanMark(status) };
  };
  return await waitWhile(look, { timeoutMs, leave, takeBack });
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
