/**
 * Where GlusterFS is: the host itself, or a Debian root that `make setup` built for a host whose own GlusterFS is missing
 * or too old.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AgentError } from '../../src/lib/errors.ts';

/** The host's own root: no chroot. */
export const HOST_ROOT = '/';

/** simple-quota, namespaces and reload by SIGHUP exist from 11 on. */
const OLDEST_MAJOR = 11;

/** Where scripts/setup-gluster.sh builds as root, so that every checkout of a machine shares one. */
const SHARED_ROOT = '/var/cache/gluster-brick-agent/gluster-root';

const SHARED_10_ROOT = '/var/cache/gluster-brick-agent/gluster10-root';

const DAEMON = 'usr/sbin/glusterfsd';

/**
 * The root directory to run GlusterFS in, `/` for the host's own.
 *
 * @throws AgentError `NotFound` with the remedy
 */
export function findGlusterRoot(): string {
  const asked = process.env['GLUSTER_ROOT'];
  if (asked !== undefined && asked !== '') {
    if (existsSync(join(asked, DAEMON))) return resolve(asked);
    throw new AgentError('NotFound', `GLUSTER_ROOT=${asked} has no ${DAEMON}: run "make setup"`);
  }
  if (hostMajor() >= OLDEST_MAJOR) return HOST_ROOT;
  const cache = resolve(process.env['CACHE'] ?? join(import.meta.dirname, '../../.cache'), 'gluster-root');
  const found = [SHARED_ROOT, cache].find((root) => existsSync(join(root, DAEMON)));
  if (found !== undefined) return found;
  throw new AgentError('NotFound', `no GlusterFS ${OLDEST_MAJOR} or later: run "make setup"`);
}

/**
 * A Debian root with GlusterFS 10, for what is said of it; undefined: this machine has none. `GLUSTER10_ROOT` names one, e.g. of
 * `debootstrap --variant=minbase --include=glusterfs-server,glusterfs-client,attr bookworm DIR`.
 */
export function findGluster10Root(): string | undefined {
  const asked = process.env['GLUSTER10_ROOT'] ?? SHARED_10_ROOT;
  return existsSync(join(asked, DAEMON)) ? resolve(asked) : undefined;
}

function hostMajor(): number {
  try {
    const text = execFileSync('glusterfsd', ['--version'], { encoding: 'utf8', stdio: 'pipe', timeout: 10_000 });
    return Number(/^glusterfs (\d+)\./.exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
