/** Runs once before the integration tests: says plainly what is missing, and removes what crashed runs left. */
import { assertSupported } from './lab.ts';
import { findGlusterRoot, HOST_ROOT } from './gluster-root.ts';
import { sweepCrashedLabs } from './lease.ts';

export async function setup(): Promise<void> {
  assertSupported();
  const root = findGlusterRoot();
  const swept = await sweepCrashedLabs();
  console.log(`GlusterFS: ${root === HOST_ROOT ? 'of this host' : root}`);
  if (swept.length > 0) console.log(`removed what crashed runs left: ${swept.join(', ')}`);
}
