/**
 * A statedump of a Gluster process: the only place where it shows its inode table. Asked for with SIGUSR1, read as a stream and
 * removed again, since nobody else ever does.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError, errnoOf, errorMessage } from '../lib/errors.ts';
import type { ProcessInfo } from './identity.ts';
import { signalProven, type SignalOptions } from './signal.ts';

/** How often the directory is looked at for the finished file, in milliseconds. A dump of an idle brick takes about 2 ms. */
const POLL_MS = 50;
/** time(2) lags behind clock_gettime(2) by up to a tick, 10 ms where HZ is 100; twice that. */
const TICK_MS = 20;
/** Writing a dump of a full inode table takes well below a second; the process may be busy. In milliseconds. */
const APPEAR_DEADLINE_MS = 15_000;
/** Reading and taking apart, in milliseconds: some 100 MB. */
const READ_DEADLINE_MS = 30_000;
/** An inode takes some 300 bytes; this is room for more than half a million. More is not read. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface StatedumpOptions extends SignalOptions {
  /** What proveProcess returned. */
  process: ProcessInfo;
  /** Where the process puts its dumps, as this process sees it. */
  dir: string;
  clock: Clock;
  signal: AbortSignal;
  appearDeadlineMs?: number;
}

/**
 * Has the process write a dump, gives every line to `take`, and removes the file. The process writes under another name and
 * renames at the end, so a file of the final name is whole (measured on 11.1).
 *
 * Costs: the process walks its whole inode table, and the latency samples that SIGUSR2 reports start anew.
 *
 * @throws AgentError `ProcessUnproven`, `Timeout` (no file: other directory, or switched off by an options file), `Conflict`
 *   (no such directory), `RpcProtocol` (not a whole dump), `Aborted`
 */
export async function readStatedump(options: StatedumpOptions, take: (line: string) => void): Promise<void> {
  const { process, dir, signal } = options;
  const before = new Set(await dumpsOf(dir, process.pid));
  const sent = await signalProven(process, 'SIGUSR1', options);
  if (!sent.ok) throw new AgentError('ProcessUnproven', sent.message);
  const file = join(dir, await appeared(options, before, sent.at));
  try {
    await withDeadline(
      READ_DEADLINE_MS,
      `reading ${file}`,
      async (inner) => await readLines(file, take, inner),
      signal,
    );
  } finally {
    // Also after a failure: it is ours, and the next one would lie beside it.
    await unlink(file).catch(() => undefined);
  }
}

/** Names such as `bricks-a.4711.dump.1790000000`; the pid tells whose, and the number is the Unix time in seconds. */
async function dumpsOf(dir: string, pid: number): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => parseDumpName(name)?.pid === pid);
  } catch (cause) {
    throw new AgentError('Conflict', `the statedump directory ${dir} cannot be listed: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

export function parseDumpName(name: string): { pid: number; seconds: number } | undefined {
  const match = /\.(\d{1,10})\.dump\.(\d{1,12})$/.exec(name);
  return match === null ? undefined : { pid: Number(match[1]), seconds: Number(match[2]) };
}

async function appeared(options: StatedumpOptions, before: ReadonlySet<string>, sentAt: number): Promise<string> {
  const { clock, dir, process, signal, appearDeadlineMs = APPEAR_DEADLINE_MS } = options;
  const giveUpAt = clock.monotonic() + appearDeadlineMs;
  // The name carries whole seconds, and of a clock that moves with the kernel's ticks: it may still show the second before.
  const notBefore = Math.floor((sentAt - TICK_MS) / 1000);
  for (;;) {
    for (const name of await dumpsOf(dir, process.pid)) {
      // One that was there before is somebody else's, unless it was asked for in the same second and written over by ours.
      if ((parseDumpName(name)?.seconds ?? 0) < notBefore) continue;
      if (!before.has(name) || (await changedSince(join(dir, name), sentAt))) return name;
    }
    if (clock.monotonic() >= giveUpAt) {
      throw new AgentError(
        'Timeout',
        `pid ${process.pid} wrote no statedump into ${dir} within ${appearDeadlineMs} ms; does it write elsewhere (statedump-path, glusterdump.options)?`,
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function changedSince(path: string, at: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= at;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function readLines(file: string, take: (line: string) => void, signal: AbortSignal): Promise<void> {
  const stream = createReadStream(file, { encoding: 'latin1', end: MAX_BYTES - 1, signal });
  // Only where dumps are read: it brings the terminal's half of Node with it.
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  let last = '';
  try {
    for await (const line of lines) {
      take(line);
      if (line !== '') last = line;
    }
  } finally {
    lines.close();
    stream.destroy();
  }
  if (!last.startsWith('DUMP-END-TIME')) {
    throw new AgentError('RpcProtocol', `${file} has no end: not a whole statedump`);
  }
}
