import { setTimeout as delay } from 'node:timers/promises';
import { Check } from 'typebox/value';
import { healOperationSchema, healSchema, type HealOperationView, type HealView } from '../../agent/http/schemas.ts';
import { describeOutcome } from '../../heal/crawl-judge.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatDuration } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable, printable } from '../table.ts';

/** Pause between two looks at a running operation, in milliseconds. */
const POLL_MS = 500;
/** A daemon that is asked once more answers at once, or a brick that hangs keeps it waiting for longer than anybody would; in milliseconds. */
const ONCE_MORE_MS = 8_000;

const CONNECTED = { True: 'to all', False: 'not to all', Unknown: 'unknown' };
const FROM = { Changed: 'its last change', Seen: 'first seen then' };

/** Exit 1 unless the backlog is empty and the brick serves. */
export async function healStatus(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const heal = await client.get('/v1/heal');
  if (!Check(healSchema, heal))
    throw new AgentError('RpcProtocol', 'the agent answered something else than a heal status');
  const exit = heal.state === 'Complete' && heal.notServing === null ? 0 : 1;
  if (json) {
    printJson(output, heal);
    return exit;
  }
  printHeal(output, heal);
  if (heal.operations.length > 0) {
    output.line('');
    output.line(operationTable(heal.operations));
  }
  return exit;
}

/** Starts a heal and waits until the heal daemon has said yes or no; the heal itself goes on. */
export async function healStart(
  client: AgentClient,
  output: Output,
  json: boolean,
  kind: 'index' | 'full',
): Promise<ExitCode> {
  let body = operationOf((await client.request('POST', '/v1/heal', { kind })).body);
  const { state, answeredAt } = body;
  // An index heal that is under way is asked once more, and what it says now is what was asked for.
  const until = state === 'Running' && kind === 'index' ? performance.now() + ONCE_MORE_MS : 0;
  const isOld = (): boolean => body.state === 'Running' && body.answeredAt === answeredAt && performance.now() < until;
  while (body.state === 'Pending' || isOld()) {
    await delay(POLL_MS);
    body = operationOf(await client.get(`/v1/operations/${body.id}`));
  }
  if (json) printJson(output, body);
  else {
    output.line(operationTable([body]));
    for (const child of body.children) output.line(`  ${child.xlator} brick ${child.child}: ${child.status}`);
  }
  return body.accepted === true ? 0 : 1;
}

function operationOf(body: unknown): HealOperationView {
  if (Check(healOperationSchema, body)) return body;
  throw new AgentError('RpcProtocol', 'the agent answered something else than an operation');
}

export function printHeal(output: Output, heal: HealView): void {
  const { pending } = heal;
  output.line(`Heal        ${heal.state}: ${heal.message}`);
  output.line(
    `Pending     ${count(pending.xattrop)} xattrop, ${count(pending.dirty)} dirty, ${count(pending.entryChanges)} entry changes`,
  );
  if (heal.notServing !== null) {
    output.line(`Brick       does not serve (${printable(heal.notServing)}): what it misses now, only the others know`);
  }
  if (heal.splitBrain !== null && heal.splitBrain > 0) {
    output.line(`Split-brain ${heal.splitBrain} ${heal.splitBrain === 1 ? 'object' : 'objects'}: see heal split-brain`);
  }
  for (const { status, message } of heal.conditions) {
    if (status === 'False') output.line(`In the way  ${printable(message)}`);
  }
  if (heal.pendingSince !== null) output.line(`Since       ${heal.pendingSince}`);
  if (heal.oldest !== null) {
    const { gfid, since, sinceFrom, ofAll } = heal.oldest;
    output.line(
      `Oldest      ${gfid}, since ${since} or longer (${FROM[sinceFrom]})${ofAll ? '' : ', of the first 10,000'}`,
    );
  }
  if (heal.leftDirty !== null && heal.leftDirty.objects > 0) {
    const { objects, ofAll } = heal.leftDirty;
    output.line(`Left dirty  ${ofAll ? '' : 'at least '}${objects}, written by nobody for a minute: see heal explain`);
  }
  if (heal.outPerSecond !== null && heal.inPerSecond !== null) {
    output.line(`Rate        ${heal.outPerSecond.toFixed(1)}/s out, ${heal.inPerSecond.toFixed(1)}/s in`);
  }
  if (heal.daemon !== null) {
    output.line(`Daemon      ${daemonText(heal.daemon)}`);
    const crawls = heal.daemon.crawls?.newest ?? [];
    if (crawls.length > 0) output.line(`Crawls      ${crawls.map(crawlText).join('; ')}`);
    for (const { status, message } of heal.daemon.conditions) {
      output.line(
        `Connected   ${CONNECTED[status]}${status === 'True' ? `, ${heal.daemon.bricks.length} bricks` : `: ${message}`}`,
      );
    }
  }
  if (heal.etaSeconds !== null) output.line(`Done in     about ${formatDuration(heal.etaSeconds * 1000)}`);
}

type DaemonCrawl = NonNullable<NonNullable<HealView['daemon']>['crawls']>['newest'][number];

function crawlText({ kind, running, ...outcome }: DaemonCrawl): string {
  return `${kind === 'index' ? 'of the index' : 'of the whole volume'}, ${running > 0 ? 'under way' : 'the last'}: ${describeOutcome(outcome)}`;
}

function daemonText({ state, pid, startedAt, restarts, message }: NonNullable<HealView['daemon']>): string {
  const what =
    pid === null || startedAt === null ? `${state}: ${message}` : `pid ${pid} since ${startedAt}, ${message}`;
  return restarts === 0
    ? what
    : `${what}; restarted ${restarts === 1 ? 'once' : `${restarts} times`} since the agent started`;
}

function operationTable(operations: readonly HealOperationView[]): string {
  return formatTable<HealOperationView>(
    [
      { title: 'OPERATION', cell: (row) => row.id },
      { title: 'KIND', cell: (row) => row.kind },
      { title: 'STATE', cell: (row) => row.state },
      { title: 'BACKLOG', cell: (row) => `${count(row.backlogAtStart)} -> ${count(row.backlogNow)}` },
      { title: 'STARTED', cell: (row) => row.startedAt },
      { title: 'MESSAGE', cell: (row) => row.message },
    ],
    operations,
  );
}

function count(value: number | null): string {
  return value === null ? 'unknown' : String(value);
}
