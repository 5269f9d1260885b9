/** Makes split-brains: bricks of a set take changes while the others are down, in turn, with nothing that heals. */
import { chmod, link, mkdir, writeFile } from 'node:fs/promises';
import type { Lab } from '../lab/lab.ts';
import type { Volume, VolumeSpec } from '../lab/volume.ts';

/** Clients of such a volume go on with one brick; no self-heal daemon runs until a test starts it. */
export const DIVISIBLE = {
  shd: false,
  clientOptions: { 'cluster/replicate': { 'quorum-type': 'none' } },
} satisfies Partial<VolumeSpec>;

/**
 * Runs `change` through a client that sees the first bricks only, then through one that sees only the others; nobody is
 * connected when all are up again.
 *
 * @param first indexes of bricks
 */
export async function divide(
  volume: Volume,
  first: readonly number[],
  change: (directory: string, side: 0 | 1) => Promise<void>,
): Promise<void> {
  const sides = [
    volume.bricks.filter(({ index }) => first.includes(index)),
    volume.bricks.filter(({ index }) => !first.includes(index)),
  ];
  for (const side of [0, 1] as const) {
    await Promise.all((sides[1 - side] ?? []).map(async (brick) => brick.running && (await brick.kill('SIGKILL'))));
    await Promise.all((sides[side] ?? []).map(async (brick) => !brick.running && (await brick.start())));
    const client = await volume.mount();
    await change(client.path, side);
    await client.unmount();
  }
  await volume.start();
}

/** What `splitEverything` leaves in the directory `sb`, by the kind that is told of it. */
export async function prepareFiles(volume: Volume): Promise<void> {
  const client = await volume.mount();
  await mkdir(`${client.path}/sb`);
  for (const name of ['data', 'meta', 'both', 'pending']) await writeFile(`${client.path}/sb/${name}`, 'before');
  await mkdir(`${client.path}/links`);
  await writeFile(`${client.path}/links/first`, 'before');
  await link(`${client.path}/links/first`, `${client.path}/links/second`);
  await client.unmount();
}

/** To be called with `divide`: one split-brain of each kind, and changes that only the first side makes. */
export async function splitEverything(directory: string, side: 0 | 1): Promise<void> {
  const sb = `${directory}/sb`;
  const content = side === 0 ? 'first' : 'the second, longer';
  await writeFile(`${sb}/data`, content);
  await chmod(`${sb}/meta`, 0o640 + side);
  await writeFile(`${sb}/both`, content);
  await chmod(`${sb}/both`, 0o640 + side);
  await writeFile(`${sb}/gfid`, content);
  if (side === 0) await mkdir(`${sb}/type`);
  else await writeFile(`${sb}/type`, content);
  if (side === 0) await writeFile(`${sb}/pending`, content);
  if (side === 0) await writeFile(`${directory}/links/first`, content);
}

/** What glfsheal says is in split-brain, by brick. */
export async function glfshealSplitBrains(lab: Lab, volume: Volume): Promise<Set<string>[]> {
  const { stdout } = await lab.glfsheal(volume, 'split-brain-info', '--xml');
  const bricks = [...stdout.matchAll(/<brick [^>]*>(.*?)<\/brick>/gs)];
  return bricks.map(
    ([, body = '']) => new Set([...body.matchAll(/<file gfid="([^"]+)">/g)].flatMap(([, gfid]) => gfid ?? [])),
  );
}
