/** Numbers that are the same for many PVs, such as a block size or a limit; more different ones begin anew. */
const MAX_KNOWN = 256;

const known = new Map<bigint, bigint>();

/** The same object for the same number, mostly: each bigint that was read or computed is 24 bytes of its own, and 10,000 PVs have many of them. */
export function sharedBigint(value: bigint): bigint {
  const same = known.get(value);
  if (same !== undefined) return same;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(value, value);
  return value;
}
