/** A lab's ConfigMap made what the agent stages into: a plain directory with the same files at the same paths. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import type { Volume } from '../lab/volume.ts';

export async function asPlainDirectory({ configMap }: Volume): Promise<void> {
  const names = (await readdir(configMap.dir)).filter((name) => !name.startsWith('..'));
  const texts = await Promise.all(names.map(async (name) => [name, await configMap.text(name)] as const));
  await rm(configMap.dir, { recursive: true });
  await mkdir(configMap.dir);
  for (const [name, text] of texts) await writeFile(configMap.path(name), text);
}
