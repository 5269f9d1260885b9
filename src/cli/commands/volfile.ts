import { Check } from 'typebox/value';
import { volfileListSchema, type VolfileListView } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable, printable } from '../table.ts';

type VolfileItem = VolfileListView['items'][number];

/** Outcomes in which a process runs what it should. */
const GOOD = new Set(['Applied', 'Unchanged']);

/** Exit 1 when a process does not run what it should, or that is not known. */
export async function volfileStatus(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const list = await client.get('/v1/volfiles');
  if (!Check(volfileListSchema, list))
    throw new AgentError('RpcProtocol', 'the agent answered something else than volfiles');
  const exit = list.items.every((item) => GOOD.has(item.outcome)) ? 0 : 1;
  if (json) printJson(output, list);
  else printVolfiles(output, list);
  return exit;
}

function conditionText({ type, status, reason }: VolfileItem['conditions'][number]): string {
  return `${type} ${status}${status === 'True' ? '' : ` (${reason})`}`;
}

export function printVolfiles(output: Output, list: VolfileListView): void {
  if (!list.configured) {
    output.line('Volfiles    not watched: no volfileDir is configured');
    return;
  }
  output.line(
    formatTable<VolfileItem>(
      [
        { title: 'PROCESS', cell: (item) => item.process },
        { title: 'VOLFILE', cell: (item) => printable(item.file) },
        { title: 'OUTCOME', cell: (item) => item.outcome },
        { title: 'REASON', cell: (item) => item.reason },
        { title: 'WANTED', cell: (item) => item.wantedSha256?.slice(0, 12) },
        { title: 'RUNNING', cell: (item) => item.runningSha256?.slice(0, 12) },
        { title: 'SINCE', cell: (item) => item.since },
      ],
      list.items,
    ),
  );
  for (const item of list.items) {
    if (!GOOD.has(item.outcome)) output.line(`${item.process}: ${printable(item.message)}`);
    output.line(`${item.process}: ${item.conditions.map(conditionText).join(', ')}`);
    if (item.restart.waitsFor !== null) output.line(`  the restart waits: ${printable(item.restart.waitsFor)}`);
    for (const change of item.changes) output.line(`  ${printable(change)}`);
    for (const problem of item.problems) {
      const place =
        problem.line === null ? '' : `:${problem.line}${problem.column === null ? '' : `:${problem.column}`}`;
      output.line(`  ${item.file}${place} ${problem.severity} ${problem.id}: ${printable(problem.message)}`);
      output.line(`      ${problem.remedy}`);
    }
  }
}
