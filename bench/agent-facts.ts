/** What benches ask of an agent and of processes from outside. */
import { readFile } from 'node:fs/promises';
import type { LabAgent } from '../test/lab/agent.ts';

/** PVs whose limit is in force in the running brick, as its metrics tell. */
export async function liveLimits(agent: LabAgent): Promise<number> {
  const { text } = await agent.ops('/metrics');
  return text.match(/^gluster_quota_condition\{pv="[^"]*",condition="Live",.*\} 1$/gm)?.length ?? 0;
}

/** `VmRSS` is what is resident now, `VmHWM` the most that ever was; in KiB. @throws when the process is gone */
export async function memoryKib(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(kib);
}

/** The same in millions of bytes. */
export async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  return ((await memoryKib(pid, field)) * 1024) / 1e6;
}
