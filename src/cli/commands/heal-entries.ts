import { Check } from 'typebox/value';
import {
  healEntriesSchema,
  healExplainSchema,
  healPvsSchema,
  type HealEntryView,
  type HealExplainView,
} from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable } from '../table.ts';

/** Entries in one question to the agent, the most that it gives: answered in some 50 ms. */
const PAGE_ENTRIES = 1000;

const NOTHING: Record<string, string> = {
  xattrop: 'Nothing waits for heal as far as this brick knows.',
  dirty: 'Nothing is being written or left dirty on this brick. What waits for heal is in the index xattrop.',
};

/** Prints page by page, so that a million entries need no memory here; the agent reads one while the one before is printed. Exit 1 when anything waits. */
export async function healList(
  client: AgentClient,
  output: Output,
  json: boolean,
  index: string,
  limit: number | undefined,
): Promise<ExitCode> {
  let printed = 0;
  let isCut = false;
  const ask = async (after: string | undefined, known: number): Promise<unknown> => {
    const rest = limit === undefined ? PAGE_ENTRIES : Math.min(PAGE_ENTRIES, limit - known);
    const query = new URLSearchParams({ index, limit: String(rest), ...(after === undefined ? {} : { after }) });
    return await client.get(`/v1/heal/entries?${query.toString()}`);
  };
  for (let asked: Promise<unknown> | undefined = ask(undefined, 0); asked !== undefined;) {
    const page: unknown = await asked;
    if (!Check(healEntriesSchema, page)) throw unexpected('a page of heal entries');
    const known = printed + page.items.length;
    const isLast = page.next === null || (limit !== undefined && known >= limit);
    isCut = isLast && page.next !== null;
    asked = isLast ? undefined : ask(page.next ?? undefined, known);
    // It fails above.
    asked?.catch(() => undefined);
    if (json) {
      for (const item of page.items) {
        output.raw(`${printed === 0 ? '[\n' : ',\n'}${JSON.stringify(item)}`);
        printed += 1;
      }
    } else if (page.items.length > 0) {
      if (printed > 0) output.line('');
      output.line(entryTable(page.items));
      printed += page.items.length;
    }
  }
  if (json) output.line(printed === 0 ? '[]' : '\n]');
  else if (printed === 0) output.line(NOTHING[index] ?? 'The index is empty.');
  else if (isCut) output.line('\nThere are more: this is as far as --limit goes.');
  return printed === 0 ? 0 : 1;
}

/** Exit 1 when anything of a PV waits. */
export async function healPvs(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const tally = await client.get('/v1/heal/pvs');
  if (!Check(healPvsSchema, tally)) throw unexpected('the objects by PV');
  if (json) printJson(output, tally);
  else {
    const rows = [
      ...tally.items,
      { pv: '(outside of PVs)', objects: tally.outside },
      { pv: '(path not known)', objects: tally.unknown },
      { pv: '(stale entries)', objects: tally.stale },
    ];
    output.line(
      formatTable(
        [
          { title: 'PV', cell: (row) => row.pv },
          { title: 'OBJECTS', cell: (row) => row.objects, align: 'right' },
        ],
        rows,
      ),
    );
    if (!tally.complete) output.line('The index is longer than what was counted: there are more.');
  }
  return tally.items.length === 0 && tally.complete ? 0 : 1;
}

/** Exit 1 when anything is found that stands in the way. */
export async function healExplain(
  client: AgentClient,
  output: Output,
  json: boolean,
  object: string | undefined,
): Promise<ExitCode> {
  const query = object === undefined ? '' : `?${new URLSearchParams({ object }).toString()}`;
  const explained = await client.get(`/v1/heal/explain${query}`);
  if (!Check(healExplainSchema, explained)) throw unexpected('an explanation');
  if (json) printJson(output, explained);
  else printExplanation(output, explained);
  return explained.findings.some(({ severity }) => severity !== 'info') ? 1 : 0;
}

function printExplanation(output: Output, { backlog, entry, findings }: HealExplainView): void {
  output.line(`Heal        ${backlog.state}: ${backlog.message}`);
  if (entry !== null) {
    output.line(`Object      ${entry.gfid} (${entry.type ?? 'not here'}), ${entry.state}`);
    for (const path of entry.paths) output.line(`Path        ${path}`);
    if (entry.unknownNames > 0) output.line(`            and ${entry.unknownNames} more that are not known`);
    if (entry.pv !== null) output.line(`PV          ${entry.pv}`);
    if (entry.blames.length > 0) output.line(`Blames      ${blamesOf(entry)}`);
    if (entry.changedAt !== null) output.line(`Changed     ${entry.changedAt}`);
    if (entry.since !== null) output.line(`Waits since ${entry.since}, or longer`);
  }
  for (const { severity, reason, message, remedy } of findings) {
    output.line('');
    output.line(`${severity.toUpperCase()} ${reason}: ${message}`);
    if (remedy !== null) output.line(`  to do: ${remedy}`);
  }
}

function entryTable(entries: readonly HealEntryView[]): string {
  return formatTable<HealEntryView>(
    [
      { title: 'GFID', cell: (row) => row.gfid },
      { title: 'STATE', cell: (row) => row.state },
      { title: 'TYPE', cell: (row) => row.type },
      { title: 'BLAMES', cell: blamesOf },
      { title: 'SINCE', cell: (row) => row.since },
      { title: 'PATH', cell: pathsOf },
    ],
    entries,
  );
}

/** E.g. `pool1-client-2:data,metadata`. */
function blamesOf({ blames, kinds, disperse }: HealEntryView): string {
  if (disperse !== null) return kinds.join(',');
  return blames
    .map(
      (blame) =>
        `${blame.child}:${(['data', 'metadata', 'entry'] as const).filter((kind) => blame[kind] > 0).join(',')}`,
    )
    .join(' ');
}

function pathsOf({ paths, unknownNames }: HealEntryView): string {
  return [...paths, ...(unknownNames > 0 ? [`(${unknownNames} names not known)`] : [])].join(' ');
}

function unexpected(what: string): AgentError {
  return new AgentError('RpcProtocol', `the agent answered something else than ${what}`);
}
