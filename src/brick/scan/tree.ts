/** Scan of one PV: every directory measured on its own, summed up. */
import { isAgentError } from '../../lib/errors.ts';
import { LinkSet } from './link-set.ts';
import { measureDirectory, ScanDirectory, type DirectoryMeasure } from './directory.ts';

export interface ScanTotals {
  /** As `du` counts; see count.ts. */
  diskBytes: number;
  /** As the brick's counter should count. */
  counterBytes: number;
  files: number;
  directories: number;
  /** Directories that exist but could not be read; with any, the sums are too low. */
  unreadable: number;
  /** The first reason for that. */
  unreadableWhy: string | undefined;
}

/** Directories that wait for their turn below one that is measured. */
interface Level {
  path: string;
  waiting: string[];
}

/**
 * Depth first, with names only on the stack: memory grows with the directories that wait, not with the files.
 *
 * @param root stays open; the caller's to close
 * @param tick see `measureDirectory`
 * @param totals added to as the scan goes on, so that others can report progress from it
 * @param onDirectory told each directory's own measure, by its real path in latin1
 * @throws AgentError what `tick` throws
 */
export function scanTree(
  root: ScanDirectory,
  tick: () => void,
  totals: ScanTotals,
  onDirectory?: (path: string, measure: DirectoryMeasure) => void,
): void {
  const links = new LinkSet();
  const { dev } = root.stats;
  const levels: Level[] = [];
  const visit = (directory: ScanDirectory): void => {
    const measure = measureDirectory(directory, tick);
    add(totals, measure, links);
    onDirectory?.(directory.path, measure);
    if (measure.subdirectories.length > 0) levels.push({ path: directory.path, waiting: measure.subdirectories });
  };
  visit(root);
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.waiting.pop();
    if (name === undefined) {
      levels.pop();
      continue;
    }
    tick();
    try {
      using directory = ScanDirectory.open(`${level.path}/${name}`);
      if (directory !== undefined && directory.stats.dev === dev) visit(directory);
    } catch (error) {
      if (!isAgentError(error, 'BrickIo')) throw error;
      totals.unreadable += 1;
      totals.unreadableWhy ??= error.message;
    }
  }
}

export function newTotals(): ScanTotals {
  return { diskBytes: 0, counterBytes: 0, files: 0, directories: 0, unreadable: 0, unreadableWhy: undefined };
}

function add(totals: ScanTotals, measure: DirectoryMeasure, links: LinkSet): void {
  totals.directories += 1;
  totals.files += measure.files;
  totals.diskBytes += measure.diskBytes;
  totals.counterBytes += measure.counterBytes;
  for (const link of measure.links) {
    if (!links.isFirst(link.ino, link.nlink)) continue;
    totals.diskBytes += link.diskBytes;
    totals.counterBytes += link.counterBytes;
  }
}
