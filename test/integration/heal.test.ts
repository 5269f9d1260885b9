import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, readdirSync, statfsSync, unlinkSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setAttributeSync } from 'fs-xattr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replicaSetOf } from '../../src/agent/heal-insight.ts';
import { BrickWorker } from '../../src/brick/worker/client.ts';
import { describeEntry, type PendingEntry } from '../../src/heal/entry.ts';
import { isFinished, type HealOperation } from '../../src/heal/operation.ts';
import { ShdDaemon } from '../../src/heal/shd-daemon.ts';
import { proveShd } from '../../src/heal/shd-proof.ts';
import { HealTracker } from '../../src/heal/tracker.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { errnoOf, isAgentError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Brick } from '../lab/brick.ts';
import { brickDifferences, pendingHeals, pendingOn } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { killUnderLoad } from '../support/kill-under-load.ts';

/** The pause between two passes; the agent's is longer. */
const PASS_MS = 100;
/** A file that is changed right before a process starts could also have been changed after that. */
const SURELY_BEFORE_MS = 200;
const SIGNAL = new AbortController().signal;

/** The heal half of an agent beside one brick. */
class Watcher {
  readonly tracker: HealTracker;
  readonly #worker: BrickWorker;
  readonly #daemon: ShdDaemon;
  readonly #brick: Brick;

  constructor(volume: Volume, brick: Brick) {
    this.#brick = brick;
    this.#worker = new BrickWorker({ brickPath: brick.path, deadlineMs: 5000, clock: systemClock, log: silentLog });
    this.#daemon = new ShdDaemon({ socketPath: volume.shd.socket, pidFile: volume.shd.pidFile, clock: systemClock });
    const source = { counts: async (signal: AbortSignal) => await this.#counts(signal) };
    this.tracker = new HealTracker({ source, daemon: this.#daemon, clock: systemClock, log: silentLog });
  }

  async look() {
    await this.tracker.pass(SIGNAL);
    return this.tracker.status();
  }

  /** Passes until the operation is as wanted. */
  async follow(id: string, until: (operation: HealOperation) => boolean): Promise<HealOperation> {
    for (const end = Date.now() + 60_000; Date.now() < end; await systemClock.sleep(PASS_MS)) {
      await this.tracker.pass(SIGNAL);
      const operation = this.tracker.operation(id);
      if (operation !== undefined && until(operation)) return operation;
    }
    throw new Error(`last seen: ${JSON.stringify(this.tracker.operation(id))}`);
  }

  async heal(kind: 'index' | 'full'): Promise<HealOperation> {
    return await this.follow(this.tracker.start(kind).id, isFinished);
  }

  /** All that waits, page by page. */
  async entries(volumeName: string): Promise<PendingEntry[]> {
    const set = replicaSetOf({ volume: volumeName, volumeType: 'Replica3', brickIndex: this.#brick.index });
    const found: PendingEntry[] = [];
    for (let after: string | undefined; ;) {
      const page = await this.#worker.call('healPage', { index: 'xattrop', after, limit: 1000 }, { signal: SIGNAL });
      found.push(...(page?.entries ?? []).map((entry) => describeEntry(entry, set)));
      after = page?.next;
      if (after === undefined) return found;
    }
  }

  async stop(): Promise<void> {
    this.#daemon.close();
    await this.tracker.settled();
    await this.#worker.stop();
  }

  async #counts(signal: AbortSignal) {
    const processKey = this.#brick.running ? String(this.#brick.pid) : undefined;
    const counts = await this.#worker.call('healIndex', { processKey }, { signal });
    return { xattrop: counts.xattrop, dirty: counts.dirty, entryChanges: counts['entry-changes'] };
  }
}

/** Why it is not proven; undefined when it is. */
async function refusal(socketPath: string, pidFile: string): Promise<unknown> {
  try {
    await proveShd({ socketPath, pidFile });
  } catch (error) {
    if (isAgentError(error, 'ProcessUnproven')) return error.details?.['reason'];
    throw error;
  }
}

/** Which allows a file 65,000 links; where the bricks lie on XFS no brick ever needs a second base file. */
function isExt4(): boolean {
  return statfsSync(tmpdir()).type === 0xef53;
}

async function glfshealTotals(lab: Lab, volume: Volume): Promise<string[]> {
  const { stdout } = await lab.glfsheal(volume, 'info-summary');
  return [...stdout.matchAll(/^Total Number of entries: (\S+)$/gm)].map((match) => match[1] ?? '');
}

describe('heal of a replica 3 volume', () => {
  let lab: Lab;
  let volume: Volume;
  let client: Mount;
  let watcher: Watcher;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'heal-replica' });
    volume = await lab.volume({ name: 'vol1', type: 'replica' });
    await volume.start();
    client = await volume.mount();
    watcher = new Watcher(volume, volume.brick(0));
  });
  afterAll(async () => {
    await watcher?.stop();
    await lab.destroy();
  });

  it('says Complete for a healthy brick', async () => {
    await writeFile(`${client.path}/first`, 'x');
    // Until the delayed post-op (1 s) a write stands in the dirty index only.
    await lab.waitFor('the write to settle', async () => (await watcher.look()).pending.dirty === 0);
    expect(await watcher.look()).toMatchObject({
      state: 'Complete',
      pending: { xattrop: 0, dirty: 0, entryChanges: 0 },
      pendingSince: undefined,
    });
  });

  it('sees a brick die under load, and what it missed healed', async () => {
    const sink = volume.brick(2);
    const look = async () => (await watcher.look()).state;
    const startHeal = (): void => void watcher.tracker.start('index');
    expect(await killUnderLoad(lab, volume, client, [sink], [look], startHeal)).toEqual([sink]);
  });

  it('counts on the survivors what glfsheal lists, and heals it through the daemon', async () => {
    await volume.brick(2).kill('SIGKILL');
    await mkdir(`${client.path}/dir`);
    for (let i = 0; i < 30; i += 1) await writeFile(`${client.path}/dir/file-${i}`, `content ${i}`);
    await writeFile(`${client.path}/first`, 'changed');
    await lab.waitFor('the writes to settle', async () => (await watcher.look()).pending.dirty === 0);
    const pending = await watcher.look();
    expect(await glfshealTotals(lab, volume)).toEqual([
      String(pending.pending.xattrop),
      String(pending.pending.xattrop),
      '-',
    ]);
    // The root, the directory, its files and the changed one; and each new name below its directory.
    expect(pending).toMatchObject({ state: 'Progressing', pending: { xattrop: 33, entryChanges: 31 } });
    expect(pending.pendingSince).toBeLessThanOrEqual(Date.now());

    const { id, backlogAtStart } = watcher.tracker.start('index');
    expect(backlogAtStart).toBe(64);
    const accepted = await watcher.follow(id, ({ state }) => state !== 'Pending');
    expect(accepted).toMatchObject({ state: 'Running', accepted: true, backlogNow: 64 });
    expect(accepted.children.map(({ status }) => status)).toEqual([
      'Started self-heal',
      'Started self-heal',
      'Brick is not connected',
    ]);

    await volume.brick(2).start();
    const done = await watcher.follow(id, isFinished);
    expect(done).toMatchObject({ state: 'Succeeded', accepted: true, backlogNow: 0 });
    expect(watcher.tracker.status()).toMatchObject({ state: 'Complete', pending: { xattrop: 0, entryChanges: 0 } });
    await lab.waitFor('heal of all', async () => (await pendingHeals(volume)) === 0);
    expect(await brickDifferences(volume)).toEqual([]);
    await client.waitConnected();
  });

  it.skipIf(!isExt4())(
    'counts and lists all when the brick needs a further base file, and after its restart',
    async () => {
      const [source, sink] = [volume.brick(0), volume.brick(2)];
      const index = `${source.path}/.glusterfs/indices/xattrop`;
      /** Base files that have entries, by name. */
      const bases = () =>
        readdirSync(index).filter((name) => name.startsWith('xattrop-') && lstatSync(`${index}/${name}`).nlink > 1);
      /** What is counted is what a listing finds, or is said not to be known yet. */
      const countedRightly = async (): Promise<number | undefined> => {
        const before = await pendingOn(source);
        const { state, pending } = await watcher.look();
        const after = await pendingOn(source);
        if (state === 'Unknown') return undefined;
        expect(pending.xattrop).toBeGreaterThanOrEqual(Math.min(before, after));
        expect(pending.xattrop).toBeLessThanOrEqual(Math.max(before, after));
        return pending.xattrop;
      };
      const written: string[] = [];
      const write = async (name: string): Promise<void> => {
        const before = await pendingOn(source);
        for (let i = 0; i < 5; i += 1) written.push(`/dir/${name}-${i}`);
        for (const path of written.slice(-5)) await writeFile(`${client.path}${path}`, 'x');
        // A client does not wait for the marks of what it has made.
        await lab.waitFor('the marks', async () => (await pendingOn(source)) >= before + 5);
        await lab.waitFor('the writes to settle', async () => (await watcher.look()).pending.dirty === 0);
      };
      const listed = async (): Promise<PendingEntry[]> => {
        const entries = await watcher.entries(volume.name);
        // The directory itself waits as well.
        const found = entries.filter(({ paths }) => written.includes(paths[0] ?? ''));
        expect(new Set(found.map(({ paths: [path] }) => path))).toEqual(new Set(written));
        expect(new Set(found.flatMap(({ blames }) => blames.map(({ child }) => child)))).toEqual(
          new Set(['vol1-client-2']),
        );
        return entries;
      };

      // Its crawls would go through what is made here, for half a minute.
      await volume.shd.stop();
      await sink.kill('SIGKILL');
      await write('first');
      const [live = ''] = bases();
      expect(bases()).toEqual([live]);
      // Entries of objects that are not there any more, as a crash leaves them, until the file system allows no more links.
      const made: string[] = [];
      const isFull = (): boolean => {
        const entry = `${index}/${randomUUID()}`;
        try {
          linkSync(`${index}/${live}`, entry);
        } catch (error) {
          if (errnoOf(error) === 'EMLINK') return true;
          throw error;
        }
        made.push(entry);
        return false;
      };
      while (!isFull());
      expect(made.length).toBeGreaterThan(60_000);
      await lab.waitFor('its count', countedRightly);

      await write('second');
      expect(bases()).toHaveLength(2);
      const all = await lab.waitFor('the count of both', countedRightly);
      const entries = await listed();
      expect([entries.length, entries.filter(({ state }) => state === 'Stale').length]).toEqual([all, made.length]);
      for (const entry of made.splice(3)) unlinkSync(entry);
      expect(await lab.waitFor('the count of what is left', countedRightly)).toBe(
        all - entries.length + (await pendingOn(source)),
      );

      await source.kill('SIGKILL');
      await source.start();
      await lab.waitFor('the client', async () => (await client.connectedBricks()).length === 2);
      await write('third');
      expect(bases()).toHaveLength(3);
      await lab.waitFor('the count of all three', countedRightly);
      await listed();

      await sink.start();
      await volume.shd.start();
      const { id } = watcher.tracker.start('index');
      const done = await watcher.follow(id, isFinished);
      expect(done).toMatchObject({ state: 'Succeeded', backlogNow: 0 });
      await countedRightly();
      expect(await watcher.entries(volume.name)).toEqual([]);
      await lab.waitFor('heal of all', async () => (await pendingHeals(volume)) === 0);
      expect(await brickDifferences(volume)).toEqual([]);
      await client.waitConnected();
    },
  );

  it('heals by the trigger alone what the daemon would have left for ten minutes', async () => {
    // A crawl that has healed something is repeated after a second; ours must be the one that heals.
    await systemClock.sleep(3000);
    const marker = await volume.mount({ pid: -12 });
    // As after a replaced brick: everything is blamed, nobody reconnects, so nothing starts by itself.
    setAttributeSync(marker.path, 'trusted.replace-brick', Buffer.from('vol1-client-2'));
    expect((await watcher.look()).pending.xattrop).toBe(1);
    await marker.unmount();
    await systemClock.sleep(3000);
    expect((await watcher.look()).pending.xattrop).toBe(1);
    expect(await watcher.heal('index')).toMatchObject({ state: 'Succeeded', accepted: true, backlogNow: 0 });
    await lab.waitFor('heal of all', async () => (await pendingHeals(volume)) === 0);
  });

  it('restores by a full heal what no index knows of, and sees the end of the walk', async () => {
    const brick = volume.brick(1);
    const gfid = brick.xattr('dir/file-3', 'trusted.gfid')?.toString('hex') ?? '';
    const uuid = gfid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    await rm(`${brick.path}/dir/file-3`);
    await rm(`${brick.path}/.glusterfs/${uuid.slice(0, 2)}/${uuid.slice(2, 4)}/${uuid}`);
    // The brick remembers what it has looked up.
    await brick.kill('SIGKILL');
    await brick.start();
    await client.waitConnected();
    await lab.waitFor('the daemon to see the brick', async () => {
      const { children } = await watcher.heal('index');
      return children.every(({ status }) => status === 'Started self-heal');
    });
    expect((await watcher.look()).state).toBe('Complete');
    expect(await brickDifferences(volume)).not.toEqual([]);
    // A file that is tried before its directory fails once; such an operation says that it does not know.
    const states = await lab.waitFor('a full heal without failures', async () => {
      const { accepted, state, message, crawl } = await watcher.heal('full');
      return state === 'Succeeded' ? { accepted, message, crawl } : undefined;
    });
    expect(states).toEqual({
      accepted: true,
      message: expect.stringMatching(/the full walk has ended: \d+ healed/),
      crawl: { healed: expect.any(Number), failed: 0, splitBrain: 0 },
    });
    expect(states.message).toContain(`${states.crawl?.healed} healed`);
    expect(await brickDifferences(volume)).toEqual([]);
    expect(await readFile(`${brick.path}/dir/file-3`, 'utf8')).toBe('content 3');
  });

  it('says why nothing starts while a single brick is left', async () => {
    await Promise.all([1, 2].map(async (index) => volume.brick(index).kill('SIGKILL')));
    const message = await lab.waitFor('the daemon to notice', async () => {
      const { state, accepted, message } = await watcher.heal('index');
      return state === 'Failed' && accepted === false && message;
    });
    expect(message).toContain('start another brick of the set');
    await volume.start();
    await client.waitConnected();
  });

  it('asks a daemon that has just started until it answers', async () => {
    await volume.shd.stop();
    const refused = await watcher.heal('index');
    expect(refused).toMatchObject({ state: 'Failed', accepted: undefined });
    await volume.shd.start();
    expect(await watcher.heal('index')).toMatchObject({ state: 'Succeeded', accepted: true });
  });
});

describe('heal of a disperse volume', () => {
  it('is triggered and seen to its end, but the end of a full walk is not; and under load', async () => {
    const lab = await Lab.create({ name: 'heal-disperse' });
    const volume = await lab.volume({ name: 'vol1', type: 'disperse' });
    await volume.start();
    const client = await volume.mount();
    const watcher = new Watcher(volume, volume.brick(0));
    try {
      expect((await watcher.look()).state).toBe('Complete');
      await volume.brick(2).kill('SIGKILL');
      for (let i = 0; i < 5; i += 1) await writeFile(`${client.path}/file-${i}`, `content ${i}`);
      await lab.waitFor('a backlog', async () => ((await watcher.look()).pending.xattrop ?? 0) >= 5);
      const { id } = watcher.tracker.start('index');
      await watcher.follow(id, ({ state }) => state === 'Running');
      await volume.brick(2).start();
      expect(await watcher.follow(id, isFinished)).toMatchObject({ state: 'Succeeded', backlogNow: 0 });
      expect(await brickDifferences(volume)).toEqual([]);
      expect(await watcher.heal('full')).toMatchObject({
        state: 'Unknown',
        accepted: true,
        crawl: undefined,
        message: expect.stringContaining('keeps no statistics'),
      });
      const look = async () => (await watcher.look()).state;
      await killUnderLoad(lab, volume, client, [volume.brick(2)], [look], () => watcher.tracker.start('index'));
    } finally {
      await watcher.stop();
      await lab.destroy();
    }
  });
});

describe('the proof of a self-heal daemon', () => {
  let lab: Lab;
  let volume: Volume;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'heal-proof' });
    volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 2 });
    await systemClock.sleep(SURELY_BEFORE_MS);
    await volume.start();
  });
  afterAll(async () => lab.destroy());

  it('is found for the real one', async () => {
    const proven = await proveShd({ socketPath: volume.shd.socket, pidFile: volume.shd.pidFile });
    expect(proven).toMatchObject({ process: { pid: volume.shd.pid }, evidence: 'volfile' });
    expect(proven.sets.map(({ name }) => name)).toEqual(volume.setNames);
  });

  it('is refused for a brick, by its own pid file and by that of the daemon', async () => {
    const brick = volume.brick(0);
    expect(await refusal(brick.socket, brick.pidFile)).toBe('NotAHealDaemon');
    expect(await refusal(brick.socket, volume.shd.pidFile)).toBe('OtherSocket');
    expect(await refusal(volume.shd.socket, brick.pidFile)).toBe('OtherSocket');
  });

  it('is refused for a FUSE client, which has the same translators', async () => {
    const places = { socket: `${lab.dir}/client.socket`, pidFile: `${lab.dir}/client.pid` };
    const client = await volume.mount({ args: ['-S', places.socket, '-p', places.pidFile] });
    expect(await refusal(places.socket, places.pidFile)).toBe('NotAHealDaemon');
    await client.unmount();
    expect(await refusal(places.socket, places.pidFile)).toMatch(/^(NotRunning|PidFileMissing)$/);
  });

  it('is refused for a daemon that got the option only after its start, which a heal would crash', async () => {
    const { shd } = volume;
    const good = await volume.configMap.text(shd.volfileName);
    const mute = good.replace('iam-self-heal-daemon yes', 'iam-self-heal-daemon no');
    const logged = async (text: string): Promise<number> => (await readFile(shd.logFile, 'utf8')).split(text).length;
    await shd.stop();
    await volume.configMap.swap({ [shd.volfileName]: mute });
    await systemClock.sleep(SURELY_BEFORE_MS);
    const [graphs, connections] = [await logged('\nFinal graph:'), await logged('attached to remote volume')];
    await shd.start();
    // Its socket is there before it has read its volfile; a swap or a signal in between would be part of the start.
    await lab.waitFor('its graph', async () => (await logged('\nFinal graph:')) > graphs);
    // A brick that connects after the reload is heal work for threads that this daemon has not: it crashes (measured on 11.1).
    await lab.waitFor(
      'its bricks',
      async () => (await logged('attached to remote volume')) >= connections + volume.bricks.length,
    );
    expect(await refusal(shd.socket, shd.pidFile)).toBe('NotAHealDaemon');
    await volume.configMap.swap({ [shd.volfileName]: good });
    shd.signal('SIGHUP');
    await lab.waitFor('the reload', async () =>
      (await readFile(shd.logFile, 'utf8')).includes('option iam-self-heal-daemon using set value yes'),
    );
    expect(await refusal(shd.socket, shd.pidFile)).toBe('GraphUnknown');
    expect(shd.running).toBe(true);
    await shd.stop();
    await systemClock.sleep(SURELY_BEFORE_MS);
    await shd.start();
    expect(await refusal(shd.socket, shd.pidFile)).toBeUndefined();
  });

  it('is found by its healer threads when the volfile has changed since', async () => {
    const { shd } = volume;
    await volume.configMap.swap({ extra: 'a swap changes the time of all files' });
    const proven = await lab.waitFor('healer threads', async () => {
      return await proveShd({ socketPath: shd.socket, pidFile: shd.pidFile });
    });
    expect(proven.evidence).toBe('healer-threads');
  });
});
