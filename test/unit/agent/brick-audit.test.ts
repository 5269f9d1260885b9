import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BrickAudit, type BrickAuditOptions } from '../../../src/agent/brick-audit.ts';
import { BrickDump, type BrickDumpOptions } from '../../../src/agent/brick-dump.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { readProcess } from '../../../src/process/identity.ts';
import { FakeProc } from '../process/fake-proc.ts';

const SAMPLE = readFileSync(join(import.meta.dirname, '../../samples/statedump/brick-11.1.txt'), 'utf8');
const WITHOUT_TABLE = 'DUMP-START-TIME: x\n[mallinfo]\nDUMP-END-TIME: y\n';
const BRICK = '/bricks/b.1/brick';
const PID = 42;

let proc: FakeProc;
let dir: string;

beforeEach(() => {
  proc = new FakeProc();
  proc.put({ pid: PID, exe: '/usr/sbin/glusterfsd' });
  dir = mkdtempSync(join(tmpdir(), 'brick-audit-'));
});
afterEach(() => {
  proc.dispose();
  rmSync(dir, { recursive: true });
});

/** An audit of a brick that writes one text after the other when it is signalled, the last one for ever. */
async function auditOf(texts: readonly string[]) {
  const found = await readProcess(PID, { procRoot: proc.root });
  const views = [{ process: 'brick', proof: { ok: true, process: found } }];
  let dumps = 0;
  const kill = (): void => {
    const text = texts[Math.min(dumps, texts.length - 1)] ?? '';
    dumps += 1;
    writeFileSync(join(dir, `b.${PID}.dump.${Math.floor(Date.now() / 1000)}`), text);
  };
  const parts = { processes: { views }, config: { statedumpDir: dir, brickName: BRICK }, clock: systemClock };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the members that a dump needs
  const dump = new BrickDump({ ...parts, system: { procRoot: proc.root, kill } } as unknown as BrickDumpOptions);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- and nothing else of an audit
  const audit = new BrickAudit({ dump } as unknown as BrickAuditOptions);
  return { audit, dumps: () => dumps };
}

async function inodesOf(audit: BrickAudit, signal = AbortSignal.timeout(10_000)): Promise<number> {
  let inodes = 0;
  await audit.dump(() => (inodes += 1), signal);
  return inodes;
}

it('asks again when the brick has left its inode table out, as it does while the table is in use', async () => {
  const { audit, dumps } = await auditOf([WITHOUT_TABLE, WITHOUT_TABLE, SAMPLE]);
  expect([await inodesOf(audit), dumps()]).toEqual([13, 3]);
  expect(readdirSync(dir)).toEqual([]);
});

it('gives up after five, and says what may be the cause', async () => {
  const { audit, dumps } = await auditOf([WITHOUT_TABLE]);
  await expect(inodesOf(audit)).rejects.toMatchObject({
    code: 'NotSupported',
    message: `5 statedumps of pid ${PID} have no inode table of ${BRICK}; does glusterdump.options switch inode off?`,
  });
  expect(dumps()).toBe(5);
  expect(readdirSync(dir)).toEqual([]);
});

it('does not wait for another dump when the agent stops', async () => {
  const stop = new AbortController();
  const { audit, dumps } = await auditOf([WITHOUT_TABLE]);
  const inodes = inodesOf(audit, stop.signal);
  setTimeout(() => stop.abort(), 100);
  await expect(inodes).rejects.toMatchObject({ code: 'Aborted' });
  expect(dumps()).toBe(1);
});
