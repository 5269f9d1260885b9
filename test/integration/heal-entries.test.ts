import { lstatSync } from 'node:fs';
import { chmod, link, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';
import { readCopies } from '../../src/brick/copies.ts';
import { DirectoryHandle } from '../../src/brick/handle.ts';
import { readHealPage } from '../../src/brick/heal-entries.ts';
import { GFID_INDICES, HealWindow } from '../../src/brick/heal-window.ts';
import { SettledAttributes } from '../../src/brick/settled-attributes.ts';
import { replicaSetOf } from '../../src/agent/heal-insight.ts';
import { healEntriesSchema, healExplainSchema, healPvsSchema, healSchema } from '../../src/agent/http/schemas.ts';
import { describeEntry, type PendingEntry } from '../../src/heal/entry.ts';
import { splitKinds } from '../../src/heal/split-brain.ts';
import { textToBytes } from '../../src/lib/byte-text.ts';
import { errnoOf } from '../../src/lib/errors.ts';
import { startAgent, type LabAgent } from '../lab/agent.ts';
import type { Brick } from '../lab/brick.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { DIVISIBLE, glfshealSplitBrains } from '../support/split-brain.ts';

const LIMIT = 64 * 1024 ** 2;

/** What was read before, by brick: an object is settled after a tenth of a second here, many ticks of the kernel's clock. */
const known = new Map<string, SettledAttributes>();
const CLOCKS = { now: () => Date.now() + 1900, monotonic: () => performance.now() };

/** All that one brick tells, by gfid; pages of three, so that there are many. What it remembers must be what is there. */
function entriesOf(volume: Volume, brick: Brick): Map<string, PendingEntry> {
  const ofBrick = known.get(brick.path) ?? new SettledAttributes(CLOCKS);
  known.set(brick.path, ofBrick);
  const volumeType =
    volume.spec.type === 'disperse' ? 'Disperse' : volume.sets[0]?.length === 2 ? 'Replica2' : 'Replica3';
  const set = replicaSetOf({ volume: volume.name, volumeType, brickIndex: brick.index });
  const found = new Map<string, PendingEntry>();
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  for (const index of GFID_INDICES) {
    const window = new HealWindow(5);
    for (let after: string | undefined; ;) {
      const page = readHealPage(root, window, { index, after, limit: 3 });
      const remembered = readHealPage(root, window, { index, after, limit: 3 }, ofBrick);
      // The brick is alive: where it changed in between, the two may differ.
      const again = readHealPage(root, window, { index, after, limit: 3 });
      expect(isDeepStrictEqual(page, again) ? remembered : page).toEqual(page);
      for (const entry of page?.entries ?? []) found.set(entry.gfid, describeEntry(entry, set));
      after = page?.next;
      if (after === undefined) break;
    }
  }
  return found;
}

/** What glfsheal tells of each brick, in the order of the bricks: path or `<gfid:…>` by gfid. */
async function glfshealEntries(lab: Lab, volume: Volume): Promise<Map<string, string>[]> {
  const { stdout } = await lab.glfsheal(volume, '--xml');
  const bricks = [...stdout.matchAll(/<brick [^>]*>(.*?)<\/brick>/gs)];
  return bricks.map(([, body = '']) => {
    const files = [...body.matchAll(/<file gfid="([^"]+)">(.*?)<\/file>/gs)];
    return new Map(files.map(([, gfid = '', path = '']) => [gfid, unescapeXml(path)]));
  });
}

function unescapeXml(text: string): string {
  const names: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return text.replaceAll(/&(#x?[0-9a-fA-F]+|\w+);/g, (_, name: string) =>
    name.startsWith('#x')
      ? String.fromCodePoint(Number.parseInt(name.slice(2), 16))
      : name.startsWith('#')
        ? String.fromCodePoint(Number(name.slice(1)))
        : (names[name] ?? ''),
  );
}

/** Every point in which a brick and glfsheal differ; where they may, the state or the other bricks say why. */
function disagreements(
  ours: Map<string, PendingEntry>,
  theirs: Map<string, string>,
  others: readonly Brick[],
): string[] {
  const found: string[] = [];
  for (const [gfid, path] of theirs) {
    const entry = ours.get(gfid);
    if (entry === undefined) found.push(`${path} (${gfid}) is not in our list`);
    else if (path.startsWith('/') && !entry.paths.map(fromText).includes(path)) {
      found.push(`${path} (${gfid}) is ${entry.paths.join(', ')} (${entry.state}) in ours`);
    } else if (['Stale', 'Clean'].includes(entry.state)) found.push(`${path} (${gfid}) is ${entry.state} in ours`);
  }
  for (const [gfid, entry] of ours) {
    // Nothing is pending for these, so glfsheal, which reads the counters too, does not list them.
    if (!theirs.has(gfid) && !['Stale', 'Clean'].includes(entry.state) && existsOn(others, gfid)) {
      found.push(`${entry.paths.join(', ')} (${gfid}, ${entry.state}) is not in glfsheal's list`);
    }
  }
  return found;
}

/**
 * Removed while this brick was down, an object that was being written when it went down still waits in its index, and rightly:
 * the object is there until the heal of its directory removes it. glfsheal looks it up on all bricks, and finds nothing to list.
 */
function existsOn(bricks: readonly Brick[], gfid: string): boolean {
  return bricks.some(
    ({ path }) =>
      lstatSync(`${path}/.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`, { throwIfNoEntry: false }) !==
      undefined,
  );
}

/** The object that a disagreement is about. */
function gfidIn(point: string): string {
  return /\(([-0-9a-f]{36})[,)]/.exec(point)?.[1] ?? point;
}

function fromText(text: string): string {
  return Buffer.from(textToBytes(text), 'latin1').toString('utf8');
}

type Damage = {
  what: 'create' | 'write' | 'cut' | 'mode' | 'mkdir' | 'rename' | 'link' | 'symlink' | 'remove';
  a: number;
  b: number;
};

const damage = fc.record<Damage>({
  what: fc.constantFrom('create', 'write', 'cut', 'mode', 'mkdir', 'rename', 'link', 'symlink', 'remove'),
  a: fc.nat(7),
  b: fc.nat(7),
});
const NAMES = ['a', 'b <&> "c"', "d'e", 'ünï', 'dir', 'dir/f', 'dir/sub', 'dir/sub/g\\h'];

/** Things that cannot be done at the moment (no such file, a directory in the way) are not done. */
async function inflict(base: string, { what, a, b }: Damage): Promise<void> {
  const [path, other] = [`${base}/${NAMES[a]}`, `${base}/${NAMES[b]}`];
  try {
    if (what === 'create') await writeFile(path, `made ${b}`, { flag: 'wx' });
    else if (what === 'write') await writeFile(path, `changed ${b}`);
    else if (what === 'cut') await truncate(path, b);
    else if (what === 'mode') await chmod(path, 0o700 + b);
    else if (what === 'mkdir') await mkdir(path);
    else if (what === 'rename') await rename(path, other);
    else if (what === 'link') await link(path, other);
    else if (what === 'symlink') await symlink('anywhere', path);
    else await rm(path, { recursive: true });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

async function settled(lab: Lab, volume: Volume): Promise<void> {
  // A write stands in the dirty index until its delayed post-op (1 s).
  await lab.waitFor('the writes to settle', async () =>
    volume.bricks.every((brick) => ![...entriesOf(volume, brick).values()].some(({ state }) => state === 'Dirty')),
  );
}

/** What the copies of its set say to all that a brick lists: its objects in split-brain. */
function splitBrainsOf(volume: Volume, entries: readonly Map<string, PendingEntry>[]): Set<string>[] {
  const found = volume.bricks.map(() => new Set<string>());
  for (const set of volume.sets) {
    const gfids = [...new Set(set.flatMap(({ index }) => [...(entries[index]?.keys() ?? [])]))];
    const copies = set.map((brick) => copiesOn(brick, gfids));
    for (const [at, gfid] of gfids.entries()) {
      const rows = set.map(({ index, isArbiter }, child) => {
        return {
          brickIndex: index,
          child: `${volume.name}-client-${index}`,
          isArbiter,
          copy: copies[child]?.[at] ?? 'gone',
        };
      });
      if (splitKinds(rows).length === 0) continue;
      for (const { index } of set) if (entries[index]?.has(gfid) === true) found[index]?.add(gfid);
    }
  }
  return found;
}

function copiesOn(brick: Brick, gfids: readonly string[]) {
  using root = DirectoryHandle.open(brick.path);
  if (root === undefined) throw new Error('no brick');
  return readCopies(root, gfids);
}

/** In one of them and not in the other. */
function differences(
  ours: ReadonlySet<string> = new Set<string>(),
  theirs: ReadonlySet<string> = new Set<string>(),
): string[] {
  return [...ours, ...theirs].filter((gfid) => !ours.has(gfid) || !theirs.has(gfid));
}

const LAYOUTS = {
  replica: { spec: { type: 'replica' }, numRuns: 4 },
  arbiter: { spec: { type: 'arbiter' }, numRuns: 2 },
  'distributed replica 2': { spec: { type: 'replica', bricks: 2, sets: 2 }, numRuns: 2 },
  disperse: { spec: { type: 'disperse' }, numRuns: 2 },
} as const;

describe.each(Object.entries(LAYOUTS))('entries of a %s volume', (name, { spec, numRuns }) => {
  let lab: Lab;
  let volume: Volume;

  beforeAll(async () => {
    lab = await Lab.create({ name: `entries-${name.replaceAll(' ', '-')}` });
    // Nothing heals by itself, so that both see the same, and clients go on with one brick.
    volume = await lab.volume({ name: 'vol1', ...spec, ...DIVISIBLE });
    await volume.start();
  });
  afterAll(async () => lab.destroy());

  /** Nobody is connected afterwards, who would heal when a brick returns. */
  async function change(work: (client: Mount) => Promise<void>): Promise<void> {
    const client = await volume.mount();
    await work(client);
    await client.unmount();
  }

  /** The one at that place in each set. */
  function placed(place: number): { there: Brick[]; others: Brick[] } {
    const there = volume.sets.flatMap((set) => set[place % set.length] ?? []);
    return { there, others: volume.bricks.filter((brick) => !there.includes(brick)) };
  }

  it('and which of them are in split-brain are those of glfsheal, on every brick, however the volume was damaged', async () => {
    let run = 0;
    const damages = fc.array(damage, { minLength: 5, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(fc.nat(2), damages, damages, damages, async (down, before, during, conflicting) => {
        run += 1;
        // Fragments are in no split-brain, and an arbiter alone takes no data.
        const isDivided = run % 2 === 1 && spec.type !== 'disperse';
        const { there, others } = placed(isDivided && spec.type === 'arbiter' ? down % 2 : down);
        let path = '';
        await change(async (client) => {
          const pv = await createPv(client, `pvc-${run}`, LIMIT);
          path = pv.relativePath;
          await mkdir(`${pv.path}/dir`);
          await writeFile(`${pv.path}/both`, 'before');
          for (const step of before) await inflict(pv.path, step);
        });
        await Promise.all(there.map(async (brick) => brick.kill('SIGKILL')));
        await change(async (client) => {
          const base = `${client.path}/${path}`;
          for (const step of during) await inflict(base, step);
          // All of these may have been impossible (no such file); this one is missed for certain.
          await writeFile(`${base}/missed`, 'x', { flag: 'wx' });
          await writeFile(`${base}/both`, 'one side');
        });
        if (isDivided) {
          await Promise.all([
            ...others.map(async (brick) => brick.kill('SIGKILL')),
            ...there.map(async (brick) => brick.start()),
          ]);
          await change(async (client) => {
            const base = `${client.path}/${path}`;
            for (const step of conflicting) await inflict(base, step);
            await writeFile(`${base}/both`, 'the other side');
          });
        }
        await volume.start();
        await settled(lab, volume);
        // Its look-ups purge entries without an object, and heal names; so ours is the state before and after.
        const earlier = volume.bricks.map((brick) => entriesOf(volume, brick));
        const splitEarlier = splitBrainsOf(volume, earlier);
        const theirs = await glfshealEntries(lab, volume);
        const splitTheirs = spec.type === 'disperse' ? [] : await glfshealSplitBrains(lab, volume);
        const later = volume.bricks.map((brick) => entriesOf(volume, brick));
        const splitLater = splitBrainsOf(volume, later);
        for (const [index, brick] of volume.bricks.entries()) {
          const told = theirs[index] ?? new Map<string, string>();
          const [entriesBefore, entriesAfter] = [earlier[index] ?? new Map(), later[index] ?? new Map()];
          const elsewhere = volume.bricks.filter((other) => other !== brick);
          const disagreedBefore = new Set(disagreements(entriesBefore, told, elsewhere).map(gfidIn));
          // What has changed while glfsheal looked agrees with it on one side of its look: clients heal, too.
          const found = disagreements(entriesAfter, told, elsewhere).filter((point) =>
            disagreedBefore.has(gfidIn(point)),
          );
          expect(found, `brick ${index}, ${entriesBefore.size} entries`).toEqual([]);
          const unlike = new Set(differences(splitEarlier[index], splitTheirs[index]));
          const split = differences(splitLater[index], splitTheirs[index]).filter((gfid) => unlike.has(gfid));
          const words = split.map((gfid) =>
            JSON.stringify([gfid, entriesAfter.get(gfid), volume.bricks.map((one) => copiesOn(one, [gfid])[0])]),
          );
          expect(words, `split-brains of brick ${index}`).toEqual([]);
        }
        expect(Math.max(...earlier.map(({ size }) => size))).toBeGreaterThan(0);
        // One at least in a volume that was divided, for certain.
        expect(!isDivided || splitTheirs.some(({ size }) => size > 0)).toBe(true);
      }),
      { numRuns, endOnFailure: true },
    );
  });
});

describe('an agent beside a brick that knows what another one missed', () => {
  let lab: Lab;
  let volume: Volume;
  let client: Mount;
  let agent: LabAgent;
  let pv: Pv;
  let killedAt: number;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'heal-explain' });
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const csi = await volume.mount({ pid: -14 });
    pv = await createPv(csi, 'pvc-1', LIMIT, { limit: true });
    await createPv(csi, 'pvc-2', LIMIT, { limit: true });
    client = await volume.mount();
    agent = await startAgent(lab, volume, volume.brick(0), { env: { BRICK_AGENT_HEAL_INTERVAL_MS: '200' } });
    killedAt = Date.now();
    await volume.brick(2).kill('SIGKILL');
    for (let index = 0; index < 300; index += 1)
      await writeFile(`${client.path}/${pv.relativePath}/file-${index}`, 'x');
    await link(`${client.path}/${pv.relativePath}/file-0`, `${client.path}/${pv.relativePath}/second name`);
    await settled(lab, volume);
  });
  afterAll(async () => lab.destroy());

  async function explain(object?: string): Promise<string[]> {
    const query = object === undefined ? '' : `?object=${encodeURIComponent(object)}`;
    const { json } = await agent.api('GET', `/v1/heal/explain${query}`);
    if (!Check(healExplainSchema, json)) throw new Error(`not an explanation: ${JSON.stringify(json)}`);
    return json.findings.map(({ reason }) => reason);
  }

  it('lists them, page by page and as a stream', async () => {
    const seen: string[] = [];
    for (let next = ''; ;) {
      const { json } = await agent.api('GET', `/v1/heal/entries?limit=100${next}`);
      if (!Check(healEntriesSchema, json)) throw new Error(`not a page: ${JSON.stringify(json)}`);
      seen.push(...json.items.map(({ gfid }) => gfid));
      if (json.next === null) break;
      next = `&after=${json.next}`;
    }
    // The files and the directory of the PV.
    expect(seen).toHaveLength(301);
    expect(seen).toEqual([...seen].sort());
    const { text } = await agent.api('GET', '/v1/heal/entries.ndjson');
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(301);
    const linked = lines.find((line) => line.includes('second name'));
    expect(JSON.parse(linked ?? '')).toMatchObject({
      type: 'file',
      state: 'Pending',
      pv: 'pvc-1',
      unknownNames: 0,
      paths: expect.arrayContaining([`/${pv.relativePath}/file-0`, `/${pv.relativePath}/second name`]),
      blames: [{ child: 'vol1-client-2', isSelf: false }],
    });
    const { code, stdout } = await agent.cli('heal', 'list', '-o', 'json');
    expect([code, Object(JSON.parse(stdout)).length]).toEqual([1, 301]);
    const table = await agent.cli('heal', 'list', '--limit', '2');
    // The titles, two objects, and that there are more.
    expect(table.stdout.trimEnd().split('\n')).toEqual([
      expect.stringContaining('GFID'),
      expect.anything(),
      expect.anything(),
      '',
      expect.stringContaining('There are more'),
    ]);
  });

  it('says since when they wait', async () => {
    // A file was changed for the last time while its brick was down; the directory was changed until a moment ago.
    const { json } = await agent.api('GET', '/v1/heal/entries?limit=1000');
    if (!Check(healEntriesSchema, json)) throw new Error('not a page');
    const file = json.items.find(({ paths }) => paths.includes(`/${pv.relativePath}/file-7`));
    expect(file).toMatchObject({ sinceFrom: 'Changed', since: file?.changedAt });
    const downAt = new Date(killedAt).toISOString();
    for (const { since } of json.items) {
      expect(since).not.toBeNull();
      expect((since ?? '') >= downAt && (since ?? '') <= new Date().toISOString(), `${since} is after ${downAt}`).toBe(
        true,
      );
    }
    const oldest = await lab.waitFor('a look at all', async () => {
      const { json } = await agent.api('GET', '/v1/heal');
      return Check(healSchema, json) ? (json.oldest ?? undefined) : undefined;
    });
    expect(oldest).toMatchObject({ ofAll: true });
    const times = json.items.map(({ since }) => since ?? '').toSorted();
    expect(oldest.since >= downAt && oldest.since <= (times[0] ?? '')).toBe(true);
    const { stdout } = await agent.cli('heal', 'status');
    expect(stdout).toContain(`Oldest      ${oldest.gfid}, since ${oldest.since} or longer`);
    expect((await agent.ops('/metrics')).text).toMatch(/^gluster_heal_oldest_timestamp_seconds\{[^}]*\} \d/m);
  });

  it('counts them by PV', async () => {
    const { json } = await agent.api('GET', '/v1/heal/pvs');
    expect(Check(healPvsSchema, json)).toBe(true);
    expect(json).toMatchObject({ items: [{ pv: 'pvc-1', objects: 301 }], outside: 0, unknown: 0, complete: true });
  });

  it('says that the brick which missed them is down', async () => {
    expect(await explain(`/${pv.relativePath}/file-7`)).toEqual(['SinkDown', 'Pending', 'SplitBrainUnknown']);
    const { code, stdout } = await agent.cli('heal', 'explain');
    expect(code).toBe(1);
    expect(stdout).toContain('ERROR BrickNotConnected: the self-heal daemon has no connection to vol1-client-2');
    expect((await agent.api('GET', '/v1/heal/explain?object=/no/such')).status).toBe(404);
    expect((await agent.api('GET', '/v1/heal/explain?object=nonsense')).status).toBe(422);
  });

  it('knows a quota directory whose metadata never heals', async () => {
    await chmod(`${client.path}/${pv.relativePath}`, 0o700);
    await lab.waitFor('the blame', async () => (await explain(`/${pv.relativePath}`)).includes('NamespaceLoop'));
    expect(await explain(`/${pv.relativePath}`)).toEqual(['SinkDown', 'NamespaceLoop', 'Pending', 'SplitBrainUnknown']);
  });

  it('says that the self-heal daemon is down', async () => {
    await volume.shd.stop();
    const reasons = await lab.waitFor('the daemon to be missed', async () => {
      const found = await explain();
      return found.includes('HealDaemonDown') ? found : undefined;
    });
    // Whether the directory above is among the objects that are looked at for it depends on its gfid.
    expect(reasons.filter((reason) => reason !== 'NamespaceLoop')).toEqual(['HealDaemonDown', expect.any(String)]);
  });
});

describe('a brick that was wiped', () => {
  it('is not called complete', async () => {
    await using lab = await Lab.create({ name: 'heal-wiped' });
    const volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    const client = await volume.mount();
    await createPv(client, 'pvc-1', LIMIT);
    const brick = volume.brick(1);
    await volume.shd.stop();
    await client.unmount();
    await brick.kill('SIGKILL');
    // As a new disk: what a brick needs to start is there, and nothing else.
    for (const name of ['subvol', 'info']) await rm(`${brick.path}/${name}`, { recursive: true });
    await rm(`${brick.path}/.glusterfs`, { recursive: true });
    await mkdir(`${brick.path}/.glusterfs`);
    await brick.start();
    await volume.shd.start();
    const agent = await startAgent(lab, volume, brick, { env: { BRICK_AGENT_HEAL_INTERVAL_MS: '200' } });
    const heal = await lab.waitFor('a look', async () => {
      const { text } = await agent.api('GET', '/v1/heal');
      return text.includes('wiped') ? text : undefined;
    });
    expect(heal).toContain('"state":"Unknown"');
    const { code, stdout } = await agent.cli('heal', 'explain');
    expect([code, stdout]).toEqual([1, expect.stringContaining('ERROR BrickEmpty')]);
    // The others know nothing of it either.
    expect(volume.bricks.map((other) => entriesOf(volume, other).size)).toEqual([0, 0, 0]);
    await agent.api('POST', '/v1/heal', { kind: 'full' });
    await lab.waitFor('the heal', async () => (await agent.api('GET', '/v1/heal')).text.includes('"Complete"'));
  });
});
