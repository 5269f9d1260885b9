/** Lints volfiles without any process: in a pipeline, before they reach a cluster. Files of one run are compared with each other. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { withDeadline } from '../../lib/deadline.ts';
import { errorMessage } from '../../lib/errors.ts';
import { roleOf, topOf, type Graph } from '../model.ts';
import { MAX_VOLFILE_BYTES, parseVolfile, tooLarge, type ParseResult } from '../parse.ts';
import { neighboursOf, withNeighbours, type Neighbours } from '../neighbours.ts';
import type { Problem } from '../problem.ts';
import { READ_DEADLINE_MS, readVolfile } from '../read-set.ts';
import { lintGraph } from './lint.ts';
import type { LintContext, LintRole } from './rule.ts';

export interface LintFilesOptions extends Pick<LintContext, 'gluster' | 'xlators'> {
  /** `auto`: as each file looks. */
  role: LintRole | 'auto';
  /** They are versions of one file, which need not agree with each other. */
  versions?: boolean;
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
  const files: ParsedFile[] = [];
  for (const file of paths) files.push(await parseFile(file));
  const neighbours = neighboursAmong(files.filter((file) => file.readable));
  return files.map((file) => (file.readable ? lintSource(file, options, neighbours) : file));
}

/** The same of files that were read and parsed already. */
export function lintSources(sources: readonly ParsedSource[], options: LintFilesOptions): LintedSource[] {
  const neighbours = neighboursAmong(sources);
  return sources.map((source) => lintSource(source, options, neighbours));
}

interface ParsedSource {
  file: string;
  parsed: ParseResult;
}

type ParsedFile = (ParsedSource & { readable: true }) | (LintedFile & { readable: false });

function neighboursAmong(sources: readonly ParsedSource[]): Neighbours {
  return neighboursOf(
    sources.flatMap(({ file, parsed }) => (parsed.ok ? { file: resolve(file), graph: parsed.graph } : [])),
  );
}

function lintSource(
  { file, parsed }: ParsedSource,
  { role: as, gluster, xlators, versions = false }: LintFilesOptions,
  neighbours: Neighbours,
): LintedSource {
  if (!parsed.ok) return { file, readable: true, role: undefined, graph: undefined, problems: parsed.problems };
  const { graph } = parsed;
  const role = as === 'auto' ? guessRole(file, graph) : as;
  const { bricks } = neighbours;
  const expected = versions ? {} : withNeighbours({ bricks }, role, resolve(file), neighbours);
  const problems = lintGraph(graph, { role, expected, gluster, xlators });
  return { file, readable: true, role, graph, problems };
}

async function parseFile(file: string): Promise<ParsedFile> {
  try {
    const info = await withDeadline(READ_DEADLINE_MS, `reading ${file}`, async () => await stat(file));
    const isTooLarge = info.isFile() && info.size > MAX_VOLFILE_BYTES;
    const parsed: ParseResult = isTooLarge
      ? { ok: false, problems: [tooLarge(info.size)] }
      : parseVolfile(await readVolfile(file));
    return { file, readable: true, parsed };
  } catch (error) {
    return { file, readable: false, message: errorMessage(error) };
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
