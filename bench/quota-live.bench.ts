/**
 * 1,000 PVs on a running brick. `quota.live-set-1000`: limits from nothing to in force, one pass of the agent (backend and
 * brick, each read back) against two `setfattr` a PV through a mount of the quota helper, as Kadalu's provisioner does.
 * `quota.steady-pass-1000`: one full verification (every counter flushed, every limit read back from disk and brick) against
 * Kadalu's crawler loop, `df` and `setfattr` a PV through that mount.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { readProcessStats } from '../src/process/stat.ts';
import { runCommand } from '../test/lab/command.ts';
import { Lab } from '../test/lab/lab.ts';
import type { Mount } from '../test/lab/mount.ts';
import { pvPath } from '../test/lab/pv.ts';
import type { Volume } from '../test/lab/volume.ts';
import { benchLine, median, type BenchLine } from './line.ts';
import { LIMIT_BYTES, pvList, pvNames, QuotaWorld, timed } from './quota-world.ts';

const PVS = 1_000;
const ROUNDS = 5;
/** Thousands of programs and FUSE calls on a busy machine, in milliseconds. */
const PEER_DEADLINE_MS = 120_000;

const SET_LOOP = `while read -r pv; do
  setfattr -n trusted.glusterfs.namespace -v true "$pv" && setfattr -n trusted.gfs.squota.limit -v ${LIMIT_BYTES} "$pv" || exit 1
done < "$1"`;
const CRAWLER_LOOP = `while read -r pv; do
  used=$(df --block-size=1 --output=used "$pv" | tail -n 1) && [ -n "$used" ] && setfattr -n glusterfs.quota.total-usage -v "\${used##* }" "$pv" || exit 1
done < "$1"`;

export async function quotaLive1000(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-quota' });
  const pvs = pvNames(PVS);
  const ours = await startVolume(lab, 'ours', pvs);
  const peer = await startVolume(lab, 'peer', pvs);
  const list = `${peer.volume.dir}/pvs`;
  await writeFile(list, pvList(peer.client.path, pvs));

  const world = await QuotaWorld.beside(ours.volume.brick(0), pvs);
  const set = await timed(async () => await world.pass());
  const inForce = world.count('Live');
  if (inForce !== PVS) throw new Error(`${inForce} of ${PVS} limits are in force`);
  const peerSet = await shellLoop(SET_LOOP, list, peer.client);

  const passes: Timing[] = [];
  const crawls: Timing[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    passes.push(await timed(async () => await world.pass()));
    crawls.push(await shellLoop(CRAWLER_LOOP, list, peer.client));
  }
  await world.stop();
  const crawler = "Kadalu's crawler loop: df and setfattr a PV through FUSE";
  return [
    benchLine('quota.live-set-1000', set.ms, peerSet.ms, 'ms', 'two setfattr a PV through a mount with pid -14'),
    benchLine('quota.steady-pass-1000', middle(passes, 'ms'), middle(crawls, 'ms'), 'ms', crawler),
    // The crawler's programs and its FUSE client; ours is this process. The brick's own share is in neither.
    benchLine('quota.steady-pass-1000-cpu', middle(passes, 'cpuMs'), middle(crawls, 'cpuMs'), 'ms of CPU', crawler),
  ];
}

interface Timing {
  ms: number;
  cpuMs: number;
}

async function startVolume(lab: Lab, name: string, pvs: readonly string[]): Promise<{ volume: Volume; client: Mount }> {
  const volume = await lab.volume({ name, type: 'single' });
  await volume.start();
  const client = await volume.mount({ pid: -14 });
  for (const pv of pvs) await mkdir(`${client.path}/${pvPath(pv)}`, { recursive: true });
  return { volume, client };
}

/** The programs of a shell loop, and the FUSE client that they talk to: where the client's mount is, as `df` looks for it among the mounts. */
async function shellLoop(loop: string, list: string, client: Mount): Promise<Timing> {
  const before = await cpuMsOf(client);
  const start = performance.now();
  const inMount = ['nsenter', '--mount', '--target', String(client.pid)];
  const command = [...inMount, 'bash', '-c', `${loop}; times`, 'bash', list];
  const { code, stdout, stderr } = await runCommand(command, { timeoutMs: PEER_DEADLINE_MS });
  const ms = performance.now() - start;
  if (code !== 0) throw new Error(`the peer's loop: ${stderr}`);
  return { ms, cpuMs: shellCpuMs(stdout) + (await cpuMsOf(client)) - before };
}

async function cpuMsOf(client: Mount): Promise<number> {
  const stats = await readProcessStats(client.pid);
  if (stats === undefined) throw new Error('the client is gone');
  return stats.cpuSeconds * 1000;
}

/** What bash's `times` says, e.g. `0m0.012s 0m0.004s`: user and system, of the shell and of what it has started. */
function shellCpuMs(text: string): number {
  return [...text.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}

function middle(timings: readonly Timing[], key: keyof Timing): number {
  return median(timings.map((timing) => timing[key]));
}

if (import.meta.main) for (const line of await quotaLive1000()) console.log(JSON.stringify(line));
