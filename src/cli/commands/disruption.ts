import { setTimeout as delay } from 'node:timers/promises';
import { Check } from 'typebox/value';
import { disruptionSchema, preStopSchema, type DisruptionView } from '../../agent/http/heal-schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatDuration } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable, printable } from '../table.ts';

/** Pause between two questions of somebody who waits, in milliseconds. */
const POLL_MS = 2_000;
/** What the agent needs beyond the wait that it was asked for: a check and a flush; in milliseconds. */
const PRE_STOP_MARGIN_MS = 30_000;

/** @param waitMs ask again for so long. Exit 1 unless it is safe */
export async function safeToStop(
  client: AgentClient,
  output: Output,
  json: boolean,
  waitMs: number,
): Promise<ExitCode> {
  const until = performance.now() + waitMs;
  for (;;) {
    const view = await client.get('/v1/disruption');
    if (!Check(disruptionSchema, view)) throw unexpected();
    const restMs = until - performance.now();
    if (view.verdict === 'Safe' || restMs <= 0) {
      if (json) printJson(output, view);
      else printDisruption(output, view);
      return view.verdict === 'Safe' ? 0 : 1;
    }
    await delay(Math.min(POLL_MS, restMs));
  }
}

/** Exit 1 unless it is safe and all is flushed; also when the brick is down, which is then said. */
export async function preStop(client: AgentClient, output: Output, json: boolean, waitMs: number): Promise<ExitCode> {
  const body = { waitSeconds: Math.ceil(waitMs / 1000) };
  const { body: view } = await client.request('POST', '/v1/pre-stop', body, waitMs + PRE_STOP_MARGIN_MS);
  if (!Check(preStopSchema, view)) throw unexpected();
  if (json) printJson(output, view);
  else {
    printReasons(output, view);
    if (view.isDown) output.line('The brick does not serve: there is nothing to wait for and nothing to flush.');
    else {
      output.line(`Waited      ${formatDuration(view.waitedMs)}`);
      output.line(
        `Usage       of ${view.flushed} PVs written down${view.unflushed > 0 ? `, of ${view.unflushed} not` : ''}`,
      );
    }
  }
  return view.verdict === 'Safe' && view.unflushed === 0 ? 0 : 1;
}

function printDisruption(output: Output, view: DisruptionView): void {
  printReasons(output, view);
  output.line('');
  output.line(
    formatTable<DisruptionView['bricks'][number]>(
      [
        { title: 'BRICK', cell: (row) => row.brickIndex },
        { title: 'SERVES', cell: (row) => printable(row.notServing ?? `for ${formatDuration(row.servingForMs)}`) },
        { title: 'PENDING', cell: (row) => row.backlog.pending, align: 'right' },
        { title: 'HEAL', cell: (row) => row.backlog.state },
        { title: 'STOPPING', cell: (row) => (row.isStopping ? 'yes' : 'no') },
      ],
      view.bricks,
    ),
  );
}

function printReasons(output: Output, { verdict, reasons }: Pick<DisruptionView, 'verdict' | 'reasons'>): void {
  output.line(`Stop        ${verdict}${verdict === 'Unknown' ? ', which counts as no' : ''}`);
  for (const reason of reasons) {
    output.line(`  ${reason.verdict.toUpperCase()} ${reason.code}: ${printable(reason.message)}`);
    output.line(`    to do: ${printable(reason.remedy)}`);
  }
}

function unexpected(): AgentError {
  return new AgentError('RpcProtocol', 'the agent answered something else than whether the brick may be stopped');
}
