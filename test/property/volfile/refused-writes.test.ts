import { fc } from '@fast-check/vitest';
import { expect, it } from 'vitest';
import { refusedWrites } from '../../../src/volfile/refused-writes.ts';

const GFID = '6832df31-fc8b-4a4e-ab19-5349886c7f43';

/** A refused CREATE of a name, as the brick writes it: the name twice, as it is. */
function line(name: string): string {
  return `[2026-11-28 06:12:49.250451 +0000] I [MSGID: 115071] [server-rpc-fops_v2.c:1569:server4_create_cbk] 0-v-server: CREATE info [{frame=1}, {path=/subvol/5f/57/p/${name}}, {uuid_utoa=${GFID}}, {bname=${name}}, {client=c}, {error-xlator=v-simple-quota}, {errno=122}, {error=Disk quota exceeded}] \n`;
}

const words = ['{uuid_utoa=', GFID, '}', ', ', '{errno=122}', '\n', '[', ' ', 'WRITE info', 'x'];
const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join('')),
);

it('a name within one line never makes the line mean another object', () => {
  fc.assert(
    fc.property(name, (text) => {
      fc.pre(!/[\n\r\u2028\u2029]/u.test(text));
      for (const { gfid } of refusedWrites(line(text))) expect(gfid).toBe(GFID);
    }),
  );
});

it('takes any text, and what it finds is a gfid and a time', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(name, name.map(line)), { maxLength: 5 }), (parts) => {
      for (const { gfid, at } of refusedWrites(parts.join(''))) {
        expect(gfid).toMatch(/^[0-9a-f-]{36}$/);
        expect(Number.isFinite(at)).toBe(true);
      }
    }),
  );
});
