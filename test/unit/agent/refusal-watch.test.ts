import fs from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RefusalWatch } from '../../../src/agent/refusal-watch.ts';
import type { GfidPlace } from '../../../src/brick/gfid-path.ts';
import { AgentError } from '../../../src/lib/errors.ts';
import type { Gfid } from '../../../src/lib/gfid.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const FILE: Gfid = 'c38e724e-b692-4421-9591-15f5721a8a28';
const PV_DIRECTORY: Gfid = '6832df31-fc8b-4a4e-ab19-5349886c7f43';
const ELSEWHERE: Gfid = '1ea7c52b-4db1-4531-854d-92649fb506f2';
const PLACES = new Map<Gfid, GfidPlace>([
  [FILE, { kind: 'path', path: 'subvol/ab/cd/pvc-1/deep/file' }],
  [PV_DIRECTORY, { kind: 'path', path: 'subvol/ab/cd/pvc-2' }],
  [ELSEWHERE, { kind: 'path', path: 'info/subvol' }],
]);
const { signal } = new AbortController();

let directory: TemporaryDirectory;
let log: string | undefined;
let hangs: boolean;
let asked: Gfid[][];
let watch: RefusalWatch;

beforeEach(() => {
  directory = new TemporaryDirectory('refusal-watch');
  log = `${directory.path}/brick.log`;
  hangs = false;
  asked = [];
  watch = new RefusalWatch({
    logFile: () => log,
    locate: async (gfids) => {
      if (hangs) throw new AgentError('BrickHung', 'locate');
      asked.push([...gfids]);
      return gfids.map((gfid) => PLACES.get(gfid) ?? { kind: 'gone' });
    },
    clock: new ManualClock(),
  });
});
afterEach(() => directory[Symbol.dispose]());

function refused(operation: string, gfid: Gfid, time: string): void {
  fs.appendFileSync(
    `${directory.path}/brick.log`,
    `[2026-11-28 ${time}.000000 +0000] E [MSGID: 1] [server-rpc-fops_v2.c:1:x] 0-v-server: ${operation} info [{frame=1}, {uuid_utoa=${gfid}}, {error-xlator=v-simple-quota}, {errno=122}, {error=Disk quota exceeded}]\n`,
  );
}

const at = (time: string): number => Date.parse(`2026-11-28T${time}Z`);

it('knows the last refused write of each PV, and since when', async () => {
  refused('WRITE', FILE, '06:00:00');
  refused('WRITE', FILE, '06:00:02');
  refused('MKDIR', PV_DIRECTORY, '06:00:03');
  refused('WRITE', ELSEWHERE, '06:00:04');
  refused('WRITE', '00000000-0000-4000-8000-000000000009', '06:00:04');
  await watch.pass(signal);
  expect(watch.since).toBe(at('06:00:00'));
  expect(watch.lastOf('pvc-1')).toBe(at('06:00:02'));
  expect(watch.lastOf('pvc-2')).toBe(at('06:00:03'));
  expect(watch.lastOf('pvc-3')).toBeUndefined();
  expect(asked).toHaveLength(1);
  await watch.pass(signal);
  expect(asked).toHaveLength(1);
  expect(watch.since).toBe(at('06:00:00'));
});

it("takes a guard's question for none, and a tenant's allocation in a file for one", async () => {
  refused('ALLOC', PV_DIRECTORY, '06:00:00');
  refused('ALLOC', FILE, '06:00:01');
  await watch.pass(signal);
  expect(watch.lastOf('pvc-2')).toBeUndefined();
  expect(watch.lastOf('pvc-1')).toBe(at('06:00:01'));
  refused('CREATE', PV_DIRECTORY, '06:00:02');
  refused('ALLOC', PV_DIRECTORY, '06:00:03');
  await watch.pass(signal);
  expect(watch.lastOf('pvc-2')).toBeGreaterThanOrEqual(at('06:00:02'));
});

it('asks again where a brick that hung did not tell', async () => {
  hangs = true;
  refused('WRITE', FILE, '06:00:00');
  await expect(watch.pass(signal)).rejects.toThrow('locate');
  hangs = false;
  await watch.pass(signal);
  expect(watch.lastOf('pvc-1')).toBe(at('06:00:00'));
});

it('knows nothing without a log, and forgets nothing when it goes', async () => {
  await watch.pass(signal);
  expect(watch.since).toBeUndefined();
  refused('WRITE', FILE, '06:00:00');
  await watch.pass(signal);
  fs.rmSync(`${directory.path}/brick.log`);
  await watch.pass(signal);
  expect(watch.since).toBeUndefined();
  expect(watch.lastOf('pvc-1')).toBe(at('06:00:00'));
  log = undefined;
  await watch.pass(signal);
  expect(watch.since).toBeUndefined();
});

it('looks up a bounded number of objects, the latest ones', async () => {
  for (let n = 0; n < 300; n += 1) {
    refused('WRITE', `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`, '06:00:00');
  }
  refused('WRITE', FILE, '06:00:05');
  await watch.pass(signal);
  expect(asked.flat()).toHaveLength(256);
  expect(watch.lastOf('pvc-1')).toBe(at('06:00:05'));
});
