import { Check } from 'typebox/value';
import { quotaListSchema, quotaViewSchema, type QuotaList } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes, formatDuration } from '../../lib/units.ts';
import { claimText, type PvClaim } from '../../quota/claim.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { colourStatus, formatTable, printable } from '../table.ts';

type QuotaItem = QuotaList['items'][number];

/** Exit 1 when a limit is not on disk or not live. */
export async function quotaList(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const list = await client.get('/v1/quotas');
  if (!Check(quotaListSchema, list))
    throw new AgentError('RpcProtocol', 'the agent answered something else than a quota list');
  const exit = list.items.every(isGood) && list.refused.length === 0 ? 0 : 1;
  if (json) {
    printJson(output, list);
    return exit;
  }
  output.line(
    formatTable<QuotaItem>(
      [
        { title: 'PV', cell: (item) => printable(item.pv) },
        ...(list.items.some(({ spec }) => spec.claim !== null) ? [{ title: 'CLAIM', cell: claimCell }] : []),
        { title: 'LIMIT', cell: (item) => bytes(item.spec.limitBytes), align: 'right' },
        { title: 'USED', cell: (item) => bytes(item.status.usedBytes), align: 'right' },
        { title: 'USE%', cell: usePercent, align: 'right' },
        { title: 'SOURCE', cell: (item) => item.spec.source },
        { title: 'ONDISK', cell: (item) => status(item, 'OnDisk') },
        { title: 'LIVE', cell: (item) => status(item, 'Live') },
        { title: 'ENFORCED', cell: (item) => status(item, 'Enforced') },
        { title: 'WHY NOT', cell: whyNot },
      ],
      list.items,
    ),
  );
  for (const refused of list.refused) output.line(`refused: ${printable(refused.file)}: ${refused.reason}`);
  if (!list.synced) output.line('the first pass after start is not done: this list is not complete');
  return exit;
}

export async function quotaGet(client: AgentClient, output: Output, json: boolean, pv: string): Promise<ExitCode> {
  return showOne(await client.get(pathOf(pv)), output, json);
}

export async function quotaSet(
  client: AgentClient,
  output: Output,
  json: boolean,
  pv: string,
  wanted: { limitBytes: string; claim?: PvClaim | null },
): Promise<ExitCode> {
  const { body } = await client.request('PUT', pathOf(pv), wanted);
  return showOne(body, output, json);
}

export async function quotaRemove(client: AgentClient, output: Output, json: boolean, pv: string): Promise<ExitCode> {
  const { body } = await client.request('DELETE', pathOf(pv));
  const exit = showOne(body, output, json);
  if (!json && Check(quotaViewSchema, body) && body.spec.source !== null) {
    output.line(
      `Still wanted by ${sourceText(body.spec.source)}: only what was asked for through this agent's API is taken back here.`,
    );
  }
  return exit;
}

function showOne(body: unknown, output: Output, json: boolean): ExitCode {
  if (!Check(quotaViewSchema, body))
    throw new AgentError('RpcProtocol', 'the agent answered something else than a quota');
  if (json) {
    printJson(output, body);
    return isGood(body) ? 0 : 1;
  }
  const { spec } = body;
  const { status: now } = body;
  output.line(`PV          ${printable(body.pv)}`);
  if (spec.claim !== null) output.line(`Claim       ${printable(claimText(spec.claim))}`);
  output.line(`Directory   ${printable(body.path)}`);
  output.line(`Limit       ${bytes(spec.limitBytes) ?? 'none'}${spec.source === null ? '' : ` (from ${spec.source})`}`);
  output.line(`  on disk   ${bytes(now.onDiskLimitBytes) ?? '-'}`);
  output.line(`  live      ${bytes(now.liveLimitBytes) ?? '-'}`);
  output.line(`Used        ${bytes(now.usedBytes) ?? '-'}`);
  const volume = volumeText(now.volumeUsage);
  if (volume !== undefined) output.line(`  volume    ${volume}`);
  output.line(`Measured    ${measuredText(now.usage, Date.now()) ?? '-'}`);
  output.line(`Refused     ${refused(now.refusedWrites)}`);
  for (const { type, status: value, reason, message } of now.conditions) {
    output.line(`${type.padEnd(11)} ${colourStatus(value)} ${reason}: ${printable(message)}`);
  }
  return isGood(body) ? 0 : 1;
}

/**
 * What the PV occupies on this brick, of what that is made and how old it is, in words; undefined: not measured.
 *
 * @param now wall-clock milliseconds
 */
export function measuredText(usage: QuotaItem['status']['usage'], now: number): string | undefined {
  const { bytes: estimate, scannedBytes, scannedAt, files, source } = usage;
  if (scannedBytes === null || scannedAt === null || estimate === null) return undefined;
  const age = formatDuration(Math.max(0, now - Date.parse(scannedAt)));
  const scan = `${formatBytes(BigInt(scannedBytes))} in ${files ?? 0} files, ${age} ago`;
  if (source !== 'ScanPlusCounter' || estimate === scannedBytes) return scan;
  return `${formatBytes(BigInt(estimate))}, of which the brick has counted the change since a scan found ${scan}`;
}

/** Who wants what, in words; the record in the brackets is where one looks. */
export function sourceText(source: string): string {
  return SOURCES[source] ?? source;
}

const SOURCES: Record<string, string> = {
  Api: 'the API (trusted.brick-agent.quota on the directory)',
  Peer: 'the agent of another brick',
  File: 'the quota file',
  Kadalu: "Kadalu's info file",
  Disk: 'nobody; found on disk and adopted',
};

function pathOf(pv: string): string {
  return `/v1/quotas/${encodeURIComponent(pv)}`;
}

function bytes(text: string | null): string | undefined {
  return text === null ? undefined : formatBytes(BigInt(text));
}

/** When a write was refused last, as the brick's log tells. */
function refused({ lastAt, since }: QuotaItem['status']['refusedWrites']): string {
  return lastAt === null ? (since === null ? '- (no log of the brick)' : `none since ${since}`) : `last at ${lastAt}`;
}

function claimCell({ spec }: QuotaItem): string | undefined {
  return spec.claim === null ? undefined : printable(claimText(spec.claim));
}

function usePercent(item: QuotaItem): string | undefined {
  const { brickLimitBytes, usedBytes } = item.status;
  if (brickLimitBytes === null || usedBytes === null) return undefined;
  return `${((100 * Number(usedBytes)) / Number(brickLimitBytes)).toFixed(0)}%`;
}

function status(item: QuotaItem, type: string): string | undefined {
  const condition = item.status.conditions.find((candidate) => candidate.type === type);
  return condition === undefined ? undefined : colourStatus(condition.status);
}

/** The first thing that is not as it should be; one word, `quota get` has the sentence. */
function whyNot(item: QuotaItem): string {
  const { conditions, volumeUsage } = item.status;
  const bad = conditions.find((condition) => condition.status !== 'True' && !isNoNews(condition));
  return bad?.reason ?? (isSummedUp(volumeUsage) ? '' : `VolumeUsage${volumeUsage?.state}`);
}

function isGood(item: QuotaItem): boolean {
  return (
    isSummedUp(item.status.volumeUsage) &&
    item.status.conditions.every(
      (condition) =>
        condition.type === 'Enforced' ||
        condition.status === 'True' ||
        isNoNews(condition) ||
        isAsItShouldBe(condition),
    )
  );
}

/** On a distributed volume a limit goes by the sum of all subvolumes. One that is not added up yet is no finding. */
export function isSummedUp(usage: QuotaItem['status']['volumeUsage']): boolean {
  return usage === null || usage.state === 'Sum' || usage.state === 'Unknown';
}

/** What the PV uses on all subvolumes, in words; undefined where the volume is not distributed. */
export function volumeText(usage: QuotaItem['status']['volumeUsage']): string | undefined {
  if (usage === null) return undefined;
  return `${usage.usedBytes === null ? '' : `${formatBytes(BigInt(usage.usedBytes))}, `}${usage.state}: ${printable(usage.message)}`;
}

/** A PV that was not scanned yet is no finding: scans take their time. */
function isNoNews({ type, status: value }: QuotaItem['status']['conditions'][number]): boolean {
  return type === 'UsageTrue' && value === 'Unknown';
}

/** All that a running brick can do after a removal; it stays so until the brick restarts. */
function isAsItShouldBe({ reason }: QuotaItem['status']['conditions'][number]): boolean {
  return reason === 'RemovalPending';
}
