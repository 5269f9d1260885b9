/** PVs as Kadalu's CSI provisioner makes them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { setAttributeSync } from 'fs-xattr';
import type { Mount } from './mount.ts';
import { xxHash64 } from './xxhash.ts';

export const NAMESPACE_XATTR = 'trusted.glusterfs.namespace';
export const LIMIT_XATTR = 'trusted.gfs.squota.limit';

export interface Pv {
  name: string;
  /** Of the volume, e.g. `subvol/3a/f1/pvc-1`; the same below a mount and below a brick. */
  relativePath: string;
  /** Through the mount that made it. */
  path: string;
  /** Kadalu's record, relative like relativePath. */
  infoPath: string;
}

export interface PvOptions {
  /** Sets namespace and limit through the mount as Kadalu's provisioner does; needs a mount with pid -14. Default false. */
  limit?: boolean;
}

/** The directory of a PV below the volume's root. */
export function pvPath(name: string): string {
  return `${pvPrefix(name)}/${name}`;
}

/** Makes the PV's directory and its `info/…json`; a `sizeBytes` of undefined leaves the json out. */
export async function createPv(
  client: Mount,
  name: string,
  sizeBytes: number | undefined,
  options: PvOptions = {},
): Promise<Pv> {
  const relativePath = pvPath(name);
  const path = `${client.path}/${relativePath}`;
  const infoPath = `info/${relativePath}.json`;
  await mkdir(path, { recursive: true });
  if (sizeBytes !== undefined) await writeInfo(client, name, sizeBytes);
  if (options.limit === true && sizeBytes !== undefined) {
    setAttributeSync(path, NAMESPACE_XATTR, 'true');
    setAttributeSync(path, LIMIT_XATTR, String(sizeBytes));
  }
  return { name, relativePath, path, infoPath };
}

/** What a resize through the CSI writes first: the record alone. */
export async function writeInfo(client: Mount, name: string, sizeBytes: number): Promise<void> {
  const prefix = pvPrefix(name);
  await mkdir(`${client.path}/info/${prefix}`, { recursive: true });
  const record = JSON.stringify({ size: sizeBytes, path_prefix: prefix });
  await writeFile(`${client.path}/info/${prefix}/${name}.json`, record);
}

function pvPrefix(name: string): string {
  const hash = xxHash64(Buffer.from(name));
  return `subvol/${hash.slice(0, 2)}/${hash.slice(2, 4)}`;
}
