/** 10,000 limits onto the backend of a brick, from nothing: one pass of the agent against two `setfattr` a PV. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { runCommand } from '../test/lab/command.ts';
import { pvPath } from '../test/lab/pv.ts';
import { benchLine, type BenchLine } from './line.ts';
import { LIMIT_BYTES, pvList, pvNames, QuotaWorld, timed } from './quota-world.ts';

const PVS = 10_000;
/** 20,000 programs to start, on a busy machine. */
const PEER_DEADLINE_MS = 300_000;

export async function quotaBackend10k(): Promise<BenchLine[]> {
  const dir = await mkdtemp(`${os.tmpdir()}/gba-bench-`);
  try {
    const pvs = pvNames(PVS);
    for (const brick of ['ours', 'peer']) {
      for (const pv of pvs) await mkdir(`${dir}/${brick}/${pvPath(pv)}`, { recursive: true });
    }
    const ours = await oursMs(`${dir}/ours`, pvs);
    const peer = await peerMs(`${dir}/peer`, pvs);
    return [benchLine('quota.backend-10k', ours, peer, 'ms', 'two setfattr a PV, from a shell')];
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** One pass: find the PVs, read, write, read back. */
async function oursMs(brick: string, pvs: readonly string[]): Promise<number> {
  const world = await QuotaWorld.atRest(brick, pvs);
  const { ms } = await timed(async () => await world.pass());
  const right = world.count('OnDisk');
  await world.stop();
  if (right !== pvs.length) throw new Error(`${right} of ${pvs.length} limits are on disk`);
  return ms;
}

async function peerMs(brick: string, pvs: readonly string[]): Promise<number> {
  const list = `${brick}.list`;
  await writeFile(list, pvList(brick, pvs));
  const loop = `while read -r pv; do
    setfattr -n trusted.glusterfs.namespace -v true "$pv" && setfattr -n trusted.gfs.squota.limit -v ${LIMIT_BYTES} "$pv" || exit 1
  done < "$1"`;
  const { ms } = await timed(async () => {
    const { code, stderr } = await runCommand(['sh', '-c', loop, 'sh', list], { timeoutMs: PEER_DEADLINE_MS });
    if (code !== 0) throw new Error(`setfattr: ${stderr}`);
  });
  return ms;
}

if (import.meta.main) for (const line of await quotaBackend10k()) console.log(JSON.stringify(line));
