import { Check } from 'typebox/value';
import { quotaViewSchema, type QuotaList } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import { claimText } from '../../quota/claim.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { isSummedUp, measuredText, sourceText, volumeText } from './quota.ts';
import { driftText, repairLine } from './quota-repair.ts';
import { colourStatus, printable } from '../table.ts';

type QuotaItem = QuotaList['items'][number];
type Status = QuotaItem['status'];

/** What to do, by condition and reason. A reason that is not here needs nothing, or says it in its own message. */
const ADVICE: Record<string, string> = {
  'OnDisk BackendError': "look at the agent's log and the brick's disk",
  'OnDisk BackendUnknown': "brick-agent doctor tells why the brick's disk does not answer",
  'OnDisk BrickFenced':
    'brick-agent doctor tells what the brick fails that it should be; nothing is written to it until then',
  'OnDisk DirectoryMissing':
    'brick-agent heal status: the directory comes with the heal of this brick, if the PV exists',
  'OnDisk LimitDiffers': "look at the agent's log: the brick's disk did not take the limit",
  'OnDisk NotNamespace': "look at the agent's log: the brick's disk did not take the namespace",
  'OnDisk Malformed': 'set the limit anew: brick-agent quota set',
  'Live BrickUnknown': 'brick-agent doctor tells why the brick does not answer',
  'Live NotInBrick': 'brick-agent heal status: the directory comes with the heal of this brick, if the PV exists',
  'Live BrickDown': 'start the brick; the agent brings the limit back by itself',
  'Live BrickRefused': "see the brick's log; is features/simple-quota in its volfile, with pass-through off?",
  'Live LimitDiffers': 'is features/simple-quota in the brick volfile, directly above locks, with pass-through off?',
  'Live NotEnforceable': 'run GlusterFS 11 to enforce quotas',
  'Enforced PartlyEnforced':
    'brick-agent quota adopt has the running bricks count all of it; so does a restart of them, one by one, after prepare',
  'Enforced NestedNamespace':
    'on the disk of every brick of the set: setfattr -x trusted.glusterfs.namespace <brick>/<PV directory>/<that directory>; then restart the bricks, one by one, after prepare',
  'Enforced AuditStale': "look at the agent's log: audits fail",
  'UsageTrue ScanIncomplete': "look at the brick's disk; brick-agent quota scan measures it again",
  'UsageTrue CountsTooMuch': 'brick-agent quota repair sets it right; so does a restart after prepare',
  'UsageTrue CountsTooLittle': 'brick-agent quota repair sets it right; so does a restart after prepare',
  'HealEnds MetadataHealLoop': 'nothing where quotaHealLoops is end on the brick that is healed; else see the message',
  'BelowSoftLimit Above': 'make room, or resize the PV',
};

const ADOPTED_ADVICE = 'wait: the running bricks are made to count all of it, see its adoption above';

const VOLUME_ADVICE =
  "have an agent beside the bricks of every subvolume, and all of them in each other's peers: brick-agent doctor tells which do not answer";

/** All that is known of one PV, in words, and what to do. Exit 1 when something is to be done. */
export async function quotaExplain(client: AgentClient, output: Output, json: boolean, pv: string): Promise<ExitCode> {
  const view = await client.get(`/v1/quotas/${encodeURIComponent(pv)}`);
  if (!Check(quotaViewSchema, view)) {
    throw new AgentError('RpcProtocol', 'the agent answered something else than a quota');
  }
  const advice = adviceFor(view);
  if (json) printJson(output, { ...view, advice });
  else print(output, view, advice);
  return advice.length === 0 ? 0 : 1;
}

function print(output: Output, view: QuotaItem, advice: readonly string[]): void {
  const { spec, status } = view;
  output.line(`${printable(view.pv)} is ${printable(view.path)} on this brick (gfid ${status.gfid ?? 'unknown'}).`);
  if (spec.claim !== null)
    output.line(`It is of the claim ${printable(claimText(spec.claim))}, as its quota was told.`);
  if (spec.sources.length === 0) output.line('Nobody wants a limit for it.');
  for (const [index, { source, limitBytes, peer }] of spec.sources.entries()) {
    const verb = index === 0 ? 'Wanted' : 'Outweighed';
    const by = peer === null ? sourceText(source) : peerText(peer);
    output.line(`${verb}: ${formatBytes(BigInt(limitBytes))} by ${by}.`);
  }
  if (status.brickLimitBytes !== null && status.brickLimitBytes !== spec.limitBytes) {
    output.line(`Of that this brick carries its share: ${formatBytes(BigInt(status.brickLimitBytes))}.`);
  }
  output.line(
    `On disk: ${amount(status.onDiskLimitBytes, 'no limit')}. In the running brick: ${amount(status.liveLimitBytes, 'none, or not known')}.`,
  );
  output.line(`Used by the brick's own count: ${amount(status.usedBytes, 'not known')}.`);
  const volume = volumeText(status.volumeUsage);
  if (volume !== undefined) output.line(`On the whole volume: ${volume}.`);
  for (const line of volumeLines(status.volumeUsage)) output.line(`  ${line}.`);
  const measured = measuredText(status.usage, Date.now());
  output.line(measured === undefined ? 'Not measured yet.' : `Measured, as du counts: ${measured}.`);
  const drift = driftText(status.usage.driftBytes);
  if (drift !== undefined) output.line(`At the last scan that was ${drift}.`);
  if (status.repair !== null) output.line(`Counter at ${status.repair.at}: ${repairLine(status.repair)}.`);
  if (status.adoption !== null) output.line(`${printable(adoptionText(status.adoption))}.`);
  output.line(`${refusedText(status.refusedWrites)}.`);
  for (const line of tamperingTexts(status.tampering)) output.line(`${line}.`);
  for (const { type, status: value, reason, message } of status.conditions) {
    output.line(`${colourStatus(value)} ${type} (${reason}): ${printable(message)}.`);
  }
  output.line(advice.length === 0 ? nothingToDo(view) : 'To do:');
  for (const line of advice) output.line(`  ${line}`);
}

/** `the agent of another brick (10.0.0.1:9746), by the quota file`. */
function peerText({ source, agents }: NonNullable<QuotaItem['spec']['sources'][number]['peer']>): string {
  const names = agents.map(({ address, error }) =>
    printable(error === null ? address : `${address}, which does not answer now: ${error}`),
  );
  const who = agents.length === 1 ? 'the agent of another brick' : 'the agents of other bricks';
  return `${who} (${names.join('; ')}), which ${agents.length === 1 ? 'has' : 'have'} it from ${PEER_SOURCES[source]}`;
}

const PEER_SOURCES = { Api: 'the API', File: 'the quota file', Kadalu: "Kadalu's info file" };

/** Whose word the sum is made of, and whose is missing. */
function volumeLines(usage: Status['volumeUsage']): string[] {
  if (usage === null) return [];
  const parts = usage.parts.map(({ subvolume, usedBytes, ageSeconds, agent }) => {
    return `subvolume ${subvolume}: ${formatBytes(BigInt(usedBytes))}, by the agent at ${agent} ${ageSeconds} s ago`;
  });
  const silent = usage.silent.map(({ agent, subvolume, message }) => {
    return `the agent at ${agent}${subvolume === null ? '' : ` (subvolume ${subvolume})`} ${message}`;
  });
  return [...parts, ...silent].map(printable);
}

/** What is not known yet is looked at by the agent itself. */
function nothingToDo({ spec, status }: QuotaItem): string {
  const open = status.conditions.filter(
    ({ type, status: value }) => value === 'Unknown' && (type !== 'UsageTrue' || spec.limitBytes !== null),
  );
  if (open.length === 0) return 'Nothing to do.';
  return `Nothing to do but to wait: ${open.map(({ type }) => type).join(', ')} not known yet.`;
}

/** One sentence, without the full stop. */
function adoptionText({ state, message, startedAt, finishedAt, againAt }: NonNullable<Status['adoption']>): string {
  const when = finishedAt === null ? `since ${startedAt}` : `at ${finishedAt}`;
  const again = againAt === null ? '' : `; it is tried again by itself, at ${againAt} at the earliest`;
  return `Adoption by the running bricks, ${state} ${when}: ${message}${again}`;
}

/** One sentence, without the full stop. */
function refusedText({ lastAt, since }: Status['refusedWrites']): string {
  if (lastAt !== null) return `A write was refused for want of quota last at ${lastAt}, by the brick's log`;
  return since === null
    ? "Whether writes were refused is not known: the brick's log is not to be read (brickLogFile)"
    : `No write was refused for want of quota since ${since}, by the brick's log`;
}

/** Sentences without the full stop; none where nothing was found, or nobody looks. */
function tamperingTexts(tampering: Status['tampering']): string[] {
  const { off, faked } = tampering ?? { off: 0, faked: 0 };
  return [
    ...(off === 0
      ? []
      : [
          `It was beyond its limit ${times(off)} since the agent's start while enforcement was switched off on the whole brick, by whom cannot be known; it was switched on again`,
        ]),
    ...(faked === 0
      ? []
      : [
          `The brick was told a false usage of it ${times(faked)} since the agent's start, by somebody who may write in it; it is told the true one`,
        ]),
  ];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function isComing(adoption: Status['adoption']): boolean {
  return adoption !== null && ['Pending', 'Running', 'Waiting'].includes(adoption.state);
}

function adviceFor({ status }: QuotaItem): string[] {
  const advice = status.conditions.flatMap(({ type, status: value, reason }) => {
    if (value === 'True') return [];
    const isAdopted = reason === 'PartlyEnforced' && isComing(status.adoption);
    return isAdopted ? ADOPTED_ADVICE : (ADVICE[`${type} ${reason}`] ?? []);
  });
  return isSummedUp(status.volumeUsage) ? advice : [...advice, VOLUME_ADVICE];
}

function amount(bytes: string | null, unknown: string): string {
  return bytes === null ? unknown : `${formatBytes(BigInt(bytes))} (${bytes} bytes)`;
}
