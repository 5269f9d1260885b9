/** Lints volfiles without any process: in a pipeline, before they reach a cluster. Files of one run are compared with each other. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { withDeadline } from '../../lib/deadline.ts';
import { errorMessage } from '../../lib/errors.ts';
import { roleOf, topOf, type Graph } from '../model.ts';
import { MAX_VOLFILE_BYTES, parseVolfile, tooLarge, type ParseResult } from '../parse.ts';
import { neighboursOf } from '../neighbours.ts';
import type { Problem } from '../problem.ts';
import { READ_DEADLINE_MS, readVolfile } from '../read-set.ts';
import { lintGraph } from './lint.ts';
import type { LintContext, LintRole } from './rule.ts';

export interface LintFilesOptions extends Pick<LintContext, 'gluster' | 'xlators'> {
  /** `auto`: as each file looks. */
  role: LintRole | 'auto';
}

export interface LintedSource {
  file: string;
  readable: true;
  /** Undefined, as the graph is, when the file cannot be parsed. */
  role: LintRole | undefined;
  graph: Graph | undefined;
  problems: Problem[];
}

export type LintedFile = LintedSource | { file: string; readable: false; message: string };

/** One result for each path, in their order. */
export async function lintFiles(paths: readonly string[], options: LintFilesOptions): Promise<LintedFile[]> {
  const files: { file: string; parsed: ParseResult | { unreadable: string } }[] = [];
  for (const file of paths) files.push({ file, parsed: await parseFile(file) });
  const sources = files.flatMap(({ file, parsed }) => ('ok' in parsed ? [{ file, parsed }] : []));
  const linted = new Map(lintSources(sources, options).map((source) => [source.file, source]));
  return files.map(({ file, parsed }) => {
    const source = linted.get(file);
    if (source !== undefined) return source;
    return { file, readable: false, message: 'unreadable' in parsed ? parsed.unreadable : '' };
  });
}

/** The same of files that were read and parsed already. */
export function lintSources(
  sources: readonly { file: string; parsed: ParseResult }[],
  options: LintFilesOptions,
): LintedSource[] {
  const { bricks, sets } = neighboursOf(sources.flatMap(({ parsed }) => (parsed.ok ? parsed.graph : [])));
  return sources.map(({ file, parsed }) => {
    if (!parsed.ok) return { file, readable: true, role: undefined, graph: undefined, problems: parsed.problems };
    const { graph } = parsed;
    const role = options.role === 'auto' ? guessRole(file, graph) : options.role;
    const { gluster, xlators } = options;
    const problems = lintGraph(graph, { role, expected: { bricks, sets }, gluster, xlators });
    return { file, readable: true, role, graph, problems };
  });
}

async function parseFile(path: string): Promise<ParseResult | { unreadable: string }> {
  try {
    const info = await withDeadline(READ_DEADLINE_MS, `reading ${path}`, async () => await stat(path));
    if (info.isFile() && info.size > MAX_VOLFILE_BYTES) return { ok: false, problems: [tooLarge(info.size)] };
    return parseVolfile(await readVolfile(path));
  } catch (error) {
    return { unreadable: errorMessage(error) };
  }
}

/** The name under which glusterd and Kadalu write the self-heal daemon's file, and its top. */
const SHD_NAME = 'glustershd';

/** A self-heal daemon's file that lacks its options is told by its name, so that they are missed. */
function guessRole(file: string, graph: Graph): LintRole {
  const role = roleOf(graph);
  if (role === 'brick' || role === 'shd') return role;
  return topOf(graph).name === SHD_NAME || basename(file).includes(SHD_NAME) ? 'shd' : 'client';
}
