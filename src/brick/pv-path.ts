/** Kadalu's layout of PVs: `subvol/xx/yy/<pv>/`. */

const BELOW_PV = /^subvol\/[0-9a-f]{2}\/[0-9a-f]{2}\/([^/]+)(\/|$)/s;

/**
 * The name of the PV that an object belongs to.
 *
 * @param path relative to the brick's root
 * @returns undefined for what belongs to none, e.g. `info/…` and the directories above the PVs
 */
export function pvOfPath(path: string): string | undefined {
  return BELOW_PV.exec(path)?.[1];
}
