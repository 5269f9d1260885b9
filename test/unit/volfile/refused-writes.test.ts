import { describe, expect, it } from 'vitest';
import { firstTime, refusedWrites } from '../../../src/volfile/refused-writes.ts';

const FILE = 'c38e724e-b692-4421-9591-15f5721a8a28';
const OTHER = '6832df31-fc8b-4a4e-ab19-5349886c7f43';
const END =
  '{client=CTX_ID:21cd0b19-4141-4399-8c91-b77b617c4b39-GRAPH_ID:0-PID:28302-HOST:vm-PC_NAME:v-client-0-RECON_NO:-0}';
const QUOTA = '{error-xlator=v-simple-quota}, {errno=122}, {error=Disk quota exceeded}] ';
/** As 11.1 wrote them. */
const WRITE = `[2026-11-28 06:09:05.949113 +0000] E [MSGID: 115067] [server-rpc-fops_v2.c:1401:server4_writev_cbk] 0-v-server: WRITE info [{frame=124}, {WRITEV_fd_no=0}, {uuid_utoa=${FILE}}, ${END}, ${QUOTA}`;
const CREATE = `[2026-11-28 06:12:49.250451 +0000] I [MSGID: 115071] [server-rpc-fops_v2.c:1569:server4_create_cbk] 0-v-server: CREATE info [{frame=1198}, {path=/subvol/5f/57/pvc-full/f227}, {uuid_utoa=${OTHER}}, {bname=f227}, ${END}, ${QUOTA}`;
const MKDIR = `[2026-11-28 06:12:49.253522 +0000] E [MSGID: 115056] [server-rpc-fops_v2.c:564:server4_mkdir_cbk] 0-v-server: MKDIR info [{frame=1200}, {MKDIR_path=/subvol/5f/57/pvc-full/d}, {uuid_utoa=${OTHER}}, {bname=d}, ${END}, ${QUOTA}`;
const ALLOC = `[2026-11-28 06:12:49.293207 +0000] E [MSGID: 115074] [server-rpc-fops_v2.c:1914:server4_fallocate_cbk] 0-v-server: ALLOC info [{frame=1212}, {FALLOCATE_fd_no=0}, {uuid_utoa=${FILE}}, ${END}, ${QUOTA}`;

const of = (text: string) => [...refusedWrites(text)];

describe('writes that a brick refused, by its log', () => {
  it.each([
    ['a write', WRITE, FILE, false, '2026-11-28T06:09:05.949Z'],
    ['a new file', CREATE, OTHER, false, '2026-11-28T06:12:49.250Z'],
    ['a new directory', MKDIR, OTHER, false, '2026-11-28T06:12:49.253Z'],
    ['an allocation', ALLOC, FILE, true, '2026-11-28T06:12:49.293Z'],
  ])('finds %s among other lines', (_, line, gfid, isAllocation, at) => {
    const text = `[2026-11-28 06:00:00.000000 +0000] I [MSGID: 1] [x.c:1:y] 0-v: hello\n${line}\n{errno=122}\n`;
    expect(of(text)).toEqual([{ gfid, isAllocation, at: Date.parse(at) }]);
  });

  it.each([
    ['another error', WRITE.replaceAll('122', '28')],
    ['a line that names no translator', WRITE.replace('{error-xlator=v-simple-quota}', '{error-xlator=}x')],
    ['another message', WRITE.replace('WRITE info', 'OPEN info')],
    ['the half of a line', WRITE.slice(30)],
    ['no time', WRITE.replace('2026-11-28', '2026-99-99')],
    ['no gfid', WRITE.replace(FILE, 'c38e724e')],
    // A tenant's name that says what the line says.
    ['two gfids', CREATE.replace('f227}, {uuid', `f}, {uuid_utoa=${FILE}}, {uuid`)],
  ])('passes over %s', (_, line) => {
    expect(of(line)).toEqual([]);
  });

  it('gives them in the order of the log, also the last line without its end', () => {
    expect(of(`${WRITE}\n\n${CREATE}\n${ALLOC}`).map(({ gfid }) => gfid)).toEqual([FILE, OTHER, FILE]);
  });

  it('knows the first time of a log', () => {
    expect(firstTime(`second half of a line\n[2026 no time\n${CREATE}\n${WRITE}`)).toBe(
      Date.parse('2026-11-28T06:12:49.250Z'),
    );
    expect(firstTime('')).toBeUndefined();
  });
});
