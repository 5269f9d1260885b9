import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { PvAudit } from '../../../src/quota/audit.ts';
import { Auditor } from '../../../src/quota/auditor.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PV = 'aaaaaaaa-0000-4000-8000-000000000001';
const FILE = 'aaaaaaaa-0000-4000-8000-000000000002';
const INTERVAL = 300_000;
const signal = new AbortController().signal;

let clock: ManualClock;
let generation: number;
let proven: boolean;
/** gfid to namespace: the brick's memory. */
let memory: Map<string, string>;
let places: Map<string, string>;
let dumps: number;
let onDump: () => void;
let lookedUp: string[];
let audits: PvAudit[];
let auditor: Auditor;

beforeEach(() => {
  clock = new ManualClock();
  generation = 1;
  proven = false;
  memory = new Map([
    [PV, PV],
    [FILE, PV],
  ]);
  places = new Map([[FILE, 'subvol/ab/cd/a/file']]);
  dumps = 0;
  onDump = () => undefined;
  lookedUp = [];
  audits = [];
  auditor = new Auditor({
    ports: {
      dump: async (take) => {
        dumps += 1;
        onDump();
        for (const [gfid, namespace] of memory) take(gfid, namespace);
      },
      locate: async (gfids) => gfids.map((gfid) => places.get(gfid)),
      lookUp: async (paths) => {
        lookedUp.push(...paths);
        memory.set(FILE, PV);
        return paths.length;
      },
    },
    subject: {
      limitedTargets: () => [{ pv: 'a', path: 'subvol/ab/cd/a', gfid: PV }],
      unprovenPvs: () => (proven ? [] : ['a']),
      takeAudits: (results) => audits.push(...results.values()),
    },
    clock,
    log: silentLog,
    intervalMs: INTERVAL,
    generation: () => generation,
  });
});

describe('Auditor', () => {
  it('puts a stray in its place by a look-up, and says so only after another dump', async () => {
    memory.set(FILE, ROOT_GFID);
    await auditor.pass(signal);
    expect(lookedUp).toEqual(['subvol/ab/cd/a/file']);
    expect(audits.map(({ right, wrong }) => [right, wrong])).toEqual([
      [1, 1],
      [2, 0],
    ]);
    expect(audits[0]?.validUntil).toBe(clock.now() + 3 * INTERVAL);
  });

  it('dumps once while all is right', async () => {
    await auditor.pass(signal);
    expect([dumps, audits.length, lookedUp.length]).toEqual([1, 1, 0]);
  });

  it('comes again after the interval, sooner for what is unproven, and soon after a restart', async () => {
    const passes: number[] = [];
    const start = clock.now();
    const until = async (ms: number): Promise<void> => {
      while (clock.now() - start < ms) {
        const before = dumps;
        await auditor.pass(signal);
        if (dumps > before) passes.push((clock.now() - start) / 1000);
        await clock.advance(1_000);
      }
    };
    await until(5_000);
    proven = true;
    await until(400_000);
    // At once, 10 s and 60 s after the start of the process, and one interval after that.
    expect(passes).toEqual([0, 10, 60, 360]);
    proven = false;
    await until(421_000);
    expect(passes.slice(4)).toEqual([420]);
    generation = 2;
    await until(424_000);
    expect(passes.slice(5)).toEqual([421]);
  });

  it('says nothing of a brick that was reconnected meanwhile', async () => {
    onDump = () => {
      generation += 1;
    };
    await auditor.pass(signal);
    expect(audits).toEqual([]);
  });

  it('does not repeat a dump that failed before its time', async () => {
    onDump = () => {
      throw new AgentError('Timeout', 'no dump');
    };
    await expect(auditor.pass(signal)).rejects.toMatchObject({ code: 'Timeout' });
    await auditor.pass(signal);
    await clock.advance(9_000);
    await auditor.pass(signal);
    expect(dumps).toBe(1);
  });
});
