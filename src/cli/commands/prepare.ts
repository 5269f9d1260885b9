import type { StagedVolfile } from '../../agent/stage-volfiles.ts';
import type { OfflinePv, OfflineReport } from '../../quota/offline.ts';
import { formatBytes } from '../../lib/units.ts';
import { formatProblem } from '../../volfile/problem.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable, printable } from '../table.ts';
import { printDifferences, type Difference } from './quota-verify.ts';

export interface PrepareFlags {
  json: boolean;
  /** Exit 0 although some PVs are not exact: their brick should start all the same. */
  bestEffort: boolean;
}

/** On stderr and at once: what comes after it may fail. Nothing where the wanted file is the staged one. */
export function printStaged(volfiles: readonly StagedVolfile[], output: Output): void {
  for (const { file, staging, message, problems } of volfiles) {
    if (staging === 'staged' || staging === 'same') continue;
    const what = staging === 'kept' ? 'the last good file stays' : 'there is no file to start from';
    output.error(`volfile ${printable(file)}: ${printable(message)}; ${what}`);
    for (const problem of problems) output.error(`  ${printable(formatProblem(file, problem))}`);
  }
}

/**
 * What `prepare` has come to; exit 1 when the start will not be exact for some PV, or there is no volfile to start from. Refused
 * entries and volfiles are told, no more.
 */
export function printPrepared(
  report: OfflineReport,
  volfiles: readonly StagedVolfile[],
  output: Output,
  { json, bestEffort }: PrepareFlags,
): ExitCode {
  const open = report.pvs.filter(({ outcome }) => outcome !== 'Exact' && outcome !== 'Missing');
  if (json) {
    const staged = volfiles.map(({ file, staging, message }) => ({ file, staging, message }));
    const exact = open.length === 0;
    printJson(output, { exact, pvs: report.pvs.map(pvView), refused: report.refusals, volfiles: staged });
  } else {
    printTable(report, open.length, output);
  }
  if (volfiles.some(({ staging }) => staging === 'none')) return 1;
  return open.length === 0 || bestEffort ? 0 : 1;
}

/** Compares what is wanted, what is on disk and what was measured on a stopped brick; exit 1 on any difference. */
export function printOfflineVerify(report: OfflineReport, output: Output, json: boolean): ExitCode {
  const differences = [
    ...report.pvs.flatMap(differenceOf),
    ...report.refusals.map(({ file, reason }): Difference => {
      return { pv: file, what: 'Entry', wanted: '-', found: 'refused', why: reason };
    }),
  ];
  printDifferences(output, json, differences, report.pvs.length);
  return differences.length === 0 ? 0 : 1;
}

function differenceOf({ pv, outcome, message, ...of }: OfflinePv): Difference[] {
  if (outcome === 'Exact') return [];
  const limitDiffers =
    outcome !== 'NotMeasured' && (of.measuredBytes === undefined || of.onDiskBytes !== of.wantedBytes);
  const [wanted, found] = limitDiffers ? [of.wantedBytes, of.onDiskBytes] : [of.measuredBytes, of.sizeBytes];
  return [
    {
      pv,
      what: limitDiffers ? 'OnDisk' : 'Usage',
      wanted: String(wanted ?? (limitDiffers ? 'none' : 'unknown')),
      found: String(found ?? 'none'),
      why: message,
    },
  ];
}

function printTable(report: OfflineReport, open: number, output: Output): void {
  if (report.pvs.length > 0) {
    output.line(
      formatTable<OfflinePv>(
        [
          { title: 'PV', cell: (row) => printable(row.pv) },
          { title: 'RESULT', cell: (row) => row.outcome },
          { title: 'LIMIT', cell: (row) => size(row.onDiskBytes), align: 'right' },
          { title: 'USED', cell: (row) => size(row.sizeBytes), align: 'right' },
          { title: 'FILES', cell: (row) => row.files, align: 'right' },
          { title: 'WHY', cell: (row) => printable(row.message) },
        ],
        report.pvs,
      ),
    );
  }
  for (const { file, reason } of report.refusals) output.error(`refused: ${printable(file)}: ${printable(reason)}`);
  output.line(open === 0 ? `${report.pvs.length} PVs: exact` : `${open} of ${report.pvs.length} PVs are not exact`);
}

function size(bytes: bigint | undefined): string | undefined {
  return bytes === undefined ? undefined : formatBytes(bytes);
}

/** Byte counts as decimal strings, as the API gives them. */
function pvView(pv: OfflinePv): Record<string, unknown> {
  const { wantedBytes, onDiskBytes, sizeBytes, measuredBytes, source, files, ...rest } = pv;
  const text = (bytes: bigint | undefined): string | null => bytes?.toString() ?? null;
  return {
    ...rest,
    source: source ?? null,
    wantedBytes: text(wantedBytes),
    onDiskBytes: text(onDiskBytes),
    sizeBytes: text(sizeBytes),
    measuredBytes: text(measuredBytes),
    files: files ?? null,
  };
}
