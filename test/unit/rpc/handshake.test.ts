import { describe, expect, it } from 'vitest';
import { getSpec } from '../../../src/rpc/programs/handshake.ts';
import { XdrReader, XdrWriter } from '../../../src/rpc/xdr.ts';
import { opaque, u32 } from '../../support/wire.ts';

/** As 11.1 answers: size, a stale errno, the text, no xdata. */
function answer(opRet: number, errno: number, text: string): XdrReader {
  return new XdrReader(Buffer.concat([u32(opRet, errno), opaque(text), opaque('')]));
}

describe('GETSPEC', () => {
  it('ends the text where the brick says, not where its memory does', () => {
    expect(getSpec.decode(answer(12, 2, 'end-volume\n\nuth-path'))).toBe('end-volume\n\n');
  });

  it('takes an empty volfile for one', () => {
    expect(getSpec.decode(answer(0, 2, ''))).toBe('');
  });

  it('does not believe the errno of a success', () => {
    expect(getSpec.decode(answer(4, 22, 'text'))).toBe('text');
  });

  it('tells a missing file from a failure', () => {
    expect(getSpec.decode(answer(-1, 2, ''))).toBeUndefined();
    // What 10.3 answers to every key.
    expect(() => getSpec.decode(answer(-1, 38, ''))).toThrow(expect.objectContaining({ code: 'GlusterError' }));
  });

  it('refuses a size beyond the text', () => {
    expect(() => getSpec.decode(answer(5, 0, 'text'))).toThrow(expect.objectContaining({ code: 'RpcProtocol' }));
  });

  it.each(['../secret', 'a/../b'])('does not send %s', (key) => {
    expect(() => getSpec.encode(new XdrWriter(), key)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});
