/** Changes the counters of a copy through the running brick, so that its heal index follows. */
import { CHANGE_KINDS, decodeChangelog, type Changelog } from '../heal/changelog.ts';
import { AgentError } from '../lib/errors.ts';
import type { Gfid } from '../lib/gfid.ts';
import type { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import { gfxBytes, gfxBytesOf } from '../rpc/gfx-dict.ts';

/**
 * XATTROP adds three 32-bit words modulo 2^32, so that a negative one takes back (measured on 11.1).
 *
 * @returns what stands there now
 * @throws AgentError as `BrickFops`
 */
export async function addToChangelog(
  brick: Pick<BrickClient, 'xattrop'>,
  gfid: Gfid,
  child: string,
  add: Changelog,
  signal: AbortSignal,
): Promise<Changelog> {
  const bytes = Buffer.alloc(12);
  for (const [at, kind] of CHANGE_KINDS.entries()) bytes.writeUInt32BE(add[kind] >>> 0, 4 * at);
  const key = `trusted.afr.${child}`;
  const input = { gfid, kind: 'add', values: new Map([[key, gfxBytes(bytes)]]) } as const;
  const answer = gfxBytesOf((await brick.xattrop(input, { pid: PID.selfHeal, signal })).get(key));
  const sum = answer === undefined ? undefined : decodeChangelog(answer.toString('hex'));
  if (sum === undefined) throw new AgentError('RpcProtocol', `the brick does not say what ${key} of ${gfid} is now`);
  return sum;
}
