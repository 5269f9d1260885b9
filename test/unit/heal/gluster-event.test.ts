import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EVENT_BYTES, parseEvent } from '../../../src/heal/gluster-event.ts';

const PARENT = 'f7b60a44-c320-4859-adc7-70def909682a';
const FIRST = '9684dd0c-d9db-4e43-90b4-fdd173b68f5c';
const SECOND = '87469ae1-3329-418c-abad-bb6fb12fd149';

/** As a self-heal daemon and clients of GlusterFS 11.1 sent them. */
const REAL: [string, ReturnType<typeof parseEvent>][] = [
  [
    `1795782216 110 client-pid=-6;subvol=vol1-replicate-0;type=data;file=${FIRST}`,
    { subvol: 'vol1-replicate-0', isSplitBrain: true, gfids: [FIRST] },
  ],
  [
    `1795782216 110 client-pid=-6;subvol=vol1-replicate-0;type=gfid;file=<gfid:${PARENT}>/gfid>;count=2;child-1=vol1-client-1;gfid-1=${FIRST};child-0=vol1-client-0;gfid-0=${SECOND}`,
    { subvol: 'vol1-replicate-0', isSplitBrain: true, gfids: [PARENT, FIRST, SECOND] },
  ],
  [
    `1795782216 110 client-pid=-6;subvol=vol1-replicate-0;type=file;file=<gfid:${PARENT}>/type>;count=2;child-1=vol1-client-1;type-1=REGULAR FILE;child-0=vol1-client-0;type-0=DIRECTORY`,
    { subvol: 'vol1-replicate-0', isSplitBrain: true, gfids: [PARENT] },
  ],
  [
    '1795782213 108 client-pid=0; subvol=vol1-replicate-0',
    { subvol: 'vol1-replicate-0', isSplitBrain: false, gfids: [] },
  ],
  [
    '1795782214 99 client_uid=CTX_ID:2f66db0d-73fb-462d-bd68-e984116722f0;client_identifier=127.0.0.1:49149;brick_path=/b',
    undefined,
  ],
];

describe('parseEvent', () => {
  it.each(REAL)('reads %j', (text, hint) => {
    expect(parseEvent(Buffer.from(text))).toEqual(hint);
  });

  it.each([
    ['', undefined],
    ['hello', undefined],
    [`-1 110 subvol=v;type=data;file=${FIRST}`, undefined],
    [`1 110 subvol=v w;type=data;file=${FIRST}`, undefined],
    [`1 110 ${'a=b;'.repeat(100)}subvol=v;type=data;file=${FIRST}`, undefined],
    [`1 110 subvol=v;type=data;file=${FIRST}${' '.repeat(MAX_EVENT_BYTES)}`, undefined],
    ['1 110 subvol=v;type=data;file=../../etc/passwd', { subvol: 'v', isSplitBrain: false, gfids: [] }],
    [`1 110 subvol=v;type=other;file=${FIRST}`, { subvol: 'v', isSplitBrain: false, gfids: [FIRST] }],
  ])('makes of %j no more than it is', (text, hint) => {
    expect(parseEvent(Buffer.from(text))).toEqual(hint);
  });

  it('tells only well-formed gfids, whatever it is sent', () => {
    const parts = fc.constantFrom(
      '1 1 ',
      'subvol=',
      'v',
      ';',
      'type=data',
      'file=',
      'gfid-1=',
      FIRST,
      '<gfid:',
      '=',
      ' ',
    );
    const text = fc.array(fc.oneof(parts, fc.string()), { maxLength: 30 }).map((all) => Buffer.from(all.join('')));
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        ),
        (datagram) => {
          const hint = parseEvent(datagram);
          for (const gfid of hint?.gfids ?? []) expect(gfid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
          expect(hint?.gfids.length ?? 0).toBeLessThanOrEqual(32);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
