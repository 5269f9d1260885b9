/**
 * A lab's folder is also its lease: its number reserves a block of ports, its owner is written in it, and so is every
 * process that was started in it. The next lab removes what a crashed run left: by recorded pid and start time only, never
 * by name.
 */
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError, errnoOf } from '../../src/lib/errors.ts';
import { runCommand } from './command.ts';
import { identify, isAlive, parseIdentity, type ProcessIdentity } from './proc.ts';

/** Fixed, not os.tmpdir(): unix socket paths have room for 107 bytes only. */
const PARENT = '/tmp';
const LAB_FOLDER = /^gba-lab-\d{3}$/;
const UNFINISHED_FOLDER = /^gba-lab-new-/;

/** Below the ephemeral range (32768 and up), so that no outgoing connection ever holds one of them. */
const FIRST_PORT = 20_000;
const PORTS_PER_LAB = 64;
const MAX_LABS = 190;

/** Writing a lease takes milliseconds; a folder that still has none after this long was left by a crash. */
const UNFINISHED_AFTER_MS = 60_000;
/** A killed process leaves /proc within milliseconds unless its disk is stuck. */
const DEATH_DEADLINE_MS = 10_000;

const LEASE = 'lease.json';
const PROCESSES = 'processes.jsonl';
const SWEEPING = 'sweeping.json';

export interface Lease {
  dir: string;
  firstPort: number;
  portCount: number;
}

/** Takes the first free folder and block of ports. */
export async function takeLease(name: string): Promise<Lease> {
  const owner = identify(process.pid);
  if (owner === undefined) throw new AgentError('NotSupported', 'the lab needs Linux: /proc/self/stat is not readable');
  const unfinished = await mkdtemp(join(PARENT, 'gba-lab-new-'));
  await writeFile(join(unfinished, LEASE), JSON.stringify({ name, ...owner }));
  for (let index = 0; index < MAX_LABS; index += 1) {
    const dir = join(PARENT, `gba-lab-${String(index).padStart(3, '0')}`);
    try {
      // Fails when the folder is there, because a lab's folder is never empty: whoever renames first has it.
      await rename(unfinished, dir);
      return { dir, firstPort: FIRST_PORT + index * PORTS_PER_LAB, portCount: PORTS_PER_LAB };
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
  await rm(unfinished, { recursive: true, force: true });
  throw new AgentError('Conflict', `${MAX_LABS} labs are in use below ${PARENT}`);
}

/** Must be called right after the process was started, so that a crash of the owner leaves no unknown process. */
export function recordProcess(dir: string, pid: number): void {
  const identity = identify(pid);
  if (identity !== undefined) appendFileSync(join(dir, PROCESSES), `${JSON.stringify(identity)}\n`);
}

/** Kills the lab's recorded processes that still live and waits until they are gone. */
export async function endRecordedProcesses(dir: string): Promise<void> {
  const living = (await recordedProcesses(dir)).filter(isAlive);
  for (const { pid } of living) killQuietly(pid);
  const deadline = performance.now() + DEATH_DEADLINE_MS;
  while (living.some(isAlive)) {
    if (performance.now() > deadline) {
      const pids = living.filter(isAlive).map(({ pid }) => pid);
      throw new AgentError('Timeout', `${dir}: processes ${pids.join(', ')} do not die`);
    }
    await delay(10);
  }
}

/**
 * Gives the number back. Under another name: while it is being emptied, a new lab could take the number, and would be removed
 * with it.
 */
export async function removeFolder(dir: string): Promise<void> {
  const grave = await mkdtemp(join(PARENT, 'gba-lab-new-'));
  try {
    await rename(dir, grave);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  await unmountBelow(grave);
  await rm(grave, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Removes the labs whose owners are dead.
 *
 * @returns the folders that were removed
 */
export async function sweepCrashedLabs(): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of await readdir(PARENT)) {
    const dir = join(PARENT, entry);
    if (LAB_FOLDER.test(entry) || UNFINISHED_FOLDER.test(entry)) {
      if ((await isAbandoned(dir)) && (await sweep(dir))) removed.push(dir);
    }
  }
  return removed;
}

/** Disks that a lab did not come to take away; a frozen one lets nobody go before it is thawed. */
async function unmountBelow(dir: string): Promise<void> {
  const mounts = (await readText('/proc/self/mountinfo')).split('\n').flatMap((line) => line.split(' ')[4] ?? []);
  for (const path of mounts.filter((path) => path.startsWith(`${dir}/`)).toReversed()) {
    await runCommand(['fsfreeze', '--unfreeze', path]);
    await runCommand(['umount', '--lazy', path]);
  }
}

async function sweep(dir: string): Promise<boolean> {
  const lock = join(dir, SWEEPING);
  const self = identify(process.pid);
  try {
    await writeFile(lock, JSON.stringify(self), { flag: 'wx' });
  } catch {
    // Another run sweeps it. If that one crashed as well, its lock goes, and the next sweep takes the folder.
    const other = parseIdentity(parseJson(await readText(lock)));
    if (other !== undefined && !isAlive(other)) await rm(lock, { force: true });
    return false;
  }
  // Between the first look and the lock the folder may have been swept and taken by a new lab.
  if (!(await isAbandoned(dir))) {
    await rm(lock, { force: true });
    return false;
  }
  await endRecordedProcesses(dir);
  await removeFolder(dir);
  return true;
}

async function isAbandoned(dir: string): Promise<boolean> {
  const owner = parseIdentity(parseJson(await readText(join(dir, LEASE))));
  if (owner !== undefined) return !isAlive(owner);
  try {
    return Date.now() - (await stat(dir)).birthtimeMs > UNFINISHED_AFTER_MS;
  } catch {
    return false;
  }
}

async function recordedProcesses(dir: string): Promise<ProcessIdentity[]> {
  const lines = (await readText(join(dir, PROCESSES))).split('\n');
  return lines.flatMap((line) => parseIdentity(parseJson(line)) ?? []);
}

/** Empty when there is no such file: it may vanish at any time. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It died by itself in between.
  }
}

/** Makes a folder of the lab with its parents. */
export async function makeFolders(...paths: string[]): Promise<void> {
  await Promise.all(paths.map(async (path) => mkdir(path, { recursive: true })));
}
