import { describe, expect, it } from 'vitest';
import { checkShdProof, createShdProof, PROOF_MAX_AGE_MS } from '../../../src/rpc/shd-proof.ts';

const PROVEN_AT = 1_700_000_000_000;
const proof = createShdProof({
  pid: 42,
  startTicks: 4711,
  socketPath: '/run/gluster/shd.socket',
  xlators: ['v-replicate-0', 'v-replicate-1'],
  provenAt: PROVEN_AT,
});
const use = { socketPath: '/run/gluster/shd.socket', xlators: ['v-replicate-1'], now: PROVEN_AT + 1000 };

describe('checkShdProof', () => {
  it('lets a fresh proof of this socket and these translators pass', () => {
    expect(() => checkShdProof(proof, use)).not.toThrow();
  });

  it.each([
    ['another socket', { socketPath: '/run/gluster/brick.socket' }, 'the proof is for /run/gluster/shd.socket'],
    ['a translator that was not seen', { xlators: ['v-replicate-1', 'w-replicate-0'] }, '"w-replicate-0"'],
    ['a proof that is old', { now: PROVEN_AT + PROOF_MAX_AGE_MS + 1 }, 'ms old'],
    ['a clock that was set back', { now: PROVEN_AT - 1 }, '-1 ms old'],
  ])('refuses %s', (_, change, why) => {
    expect(() => checkShdProof(proof, { ...use, ...change })).toThrow(
      expect.objectContaining({ code: 'ProcessUnproven', message: expect.stringContaining(why) }),
    );
  });

  it('cannot be changed after it was made', () => {
    expect(Object.isFrozen(proof)).toBe(true);
  });
});
