import { Check } from 'typebox/value';
import { quotaListSchema, type QuotaList } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable, printable } from '../table.ts';

type QuotaItem = QuotaList['items'][number];

/** One thing that is not as it should be. */
export interface Difference {
  pv: string;
  what: 'OnDisk' | 'Live' | 'Enforced' | 'Usage' | 'Volume' | 'Entry' | 'List';
  wanted: string;
  found: string;
  why: string;
}

/** Compares everything with everything, as the agent sees it now; exit 1 on any difference. What is unknown is a difference. */
export async function quotaVerify(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const list = await client.get('/v1/quotas');
  if (!Check(quotaListSchema, list)) {
    throw new AgentError('RpcProtocol', 'the agent answered something else than a quota list');
  }
  const differences = findDifferences(list);
  printDifferences(output, json, differences, list.items.length);
  return differences.length === 0 ? 0 : 1;
}

export function printDifferences(output: Output, json: boolean, differences: readonly Difference[], pvs: number): void {
  if (json) {
    printJson(output, { pvs, differences });
    return;
  }
  if (differences.length === 0) {
    output.line(`${pvs} PVs: no difference`);
    return;
  }
  output.line(
    formatTable<Difference>(
      [
        { title: 'PV', cell: (row) => printable(row.pv) },
        { title: 'WHAT', cell: (row) => row.what },
        { title: 'WANTED', cell: (row) => row.wanted, align: 'right' },
        { title: 'FOUND', cell: (row) => row.found, align: 'right' },
        { title: 'WHY', cell: (row) => printable(row.why) },
      ],
      differences,
    ),
  );
}

export function findDifferences(list: QuotaList): Difference[] {
  const differences = list.items.flatMap(differencesOf);
  for (const { file, reason } of list.refused) {
    differences.push({ pv: file, what: 'Entry', wanted: '-', found: 'refused', why: reason });
  }
  if (!list.synced) {
    const why = 'the agent has not looked at every PV since its start';
    differences.push({ pv: '(all)', what: 'List', wanted: 'synced', found: 'not synced', why });
  }
  return differences;
}

function differencesOf({ pv, spec, status }: QuotaItem): Difference[] {
  const wanted = status.brickLimitBytes ?? 'none';
  const found: Record<string, string> = {
    OnDisk: status.onDiskLimitBytes ?? 'none',
    Live: status.liveLimitBytes ?? 'unknown',
  };
  const differences: Difference[] = status.conditions.flatMap(({ type, status: value, reason, message }) => {
    if (value === 'True' || (type === 'Enforced' && spec.limitBytes === null)) return [];
    if (type !== 'OnDisk' && type !== 'Live' && type !== 'Enforced') return [];
    return [{ pv, what: type, wanted, found: found[type] ?? value, why: `${reason}: ${message}` }];
  });
  const { volumeUsage, usage } = status;
  const counter = status.conditions.find(({ type }) => type === 'UsageTrue');
  // Not scanned yet is no difference: to measure all takes its time.
  if (counter?.status === 'False') {
    const why = `${counter.reason}: ${counter.message}`;
    differences.push({ pv, what: 'Usage', wanted: 'no drift', found: usage.driftBytes ?? 'unknown', why });
  }
  if (volumeUsage !== null && volumeUsage.state !== 'Sum') {
    const { state, message } = volumeUsage;
    differences.push({ pv, what: 'Volume', wanted: 'the sum of all subvolumes', found: state, why: message });
  }
  return differences;
}
