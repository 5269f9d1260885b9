import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fc } from '@fast-check/vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { ROOT_GFID } from '../../src/lib/gfid.ts';
import { silentLog } from '../../src/lib/log.ts';
import { SocketProcess } from '../../src/rpc/socket-process.ts';
import { VolfileManager } from '../../src/volfile/manager.ts';
import { parseText } from '../../src/volfile/parse.ts';
import { hashText, readVolfileSet } from '../../src/volfile/read-set.ts';
import { planChange } from '../../src/volfile/plan.ts';
import { FILE_TIME_ERROR_MS } from '../../src/volfile/running.ts';
import { FileJudge } from '../../src/volfile/wanted.ts';
import type { VolfileStatus } from '../../src/volfile/status.ts';
import type { Brick } from '../lab/brick.ts';
import { runCommand } from '../lab/command.ts';
import { ConfigMap } from '../lab/config-map.ts';
import { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { ClientLoad } from '../support/client-load.ts';

const BRICK_FILE = 'brick-0.vol';
const SHD_FILE = 'glustershd.vol';

/** A manager as the agent would own it, with its own stop button. */
class Managed {
  readonly manager: VolfileManager;
  readonly #stop = new AbortController();

  constructor(volume: Volume) {
    const brick = volume.brick(0);
    const expected = {
      directory: brick.path,
      volumeId: volume.volumeId,
      brickName: brick.name,
      listenPort: brick.port,
    };
    this.manager = new VolfileManager({
      dir: volume.configMap.dir,
      targets: [
        {
          process: 'brick',
          file: BRICK_FILE,
          pidFile: brick.pidFile,
          logFile: brick.logFile,
          expected,
          socket: async (signal) =>
            await new SocketProcess({ socketPath: brick.socket, brickName: brick.name, clock: systemClock }).look(
              signal,
            ),
        },
        {
          process: 'shd',
          file: SHD_FILE,
          pidFile: volume.shd.pidFile,
          socket: async (signal) =>
            await new SocketProcess({ socketPath: volume.shd.socket, clock: systemClock }).look(signal),
        },
      ],
      glusterVersion: () => '11',
      minProcessAgeMs: START_MS,
      clock: systemClock,
      log: silentLog,
      signal: this.#stop.signal,
    });
  }

  async status(process: 'brick' | 'shd'): Promise<VolfileStatus> {
    await this.manager.refresh();
    const status = this.manager.status().find((item) => item.process === process);
    if (status === undefined) throw new Error(`no status of ${process}`);
    return status;
  }

  async verdict(process: 'brick' | 'shd'): Promise<string> {
    const { outcome, reason } = await this.status(process);
    return `${outcome}/${reason}`;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.manager.stopped();
  }
}

/** What a brick needs to be up on a busy machine with two cores. */
const START_MS = 1000;

/** A SIGHUP to a process that still starts makes it load its file twice. */
async function pastTheStart(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, START_MS);
  });
}

/** A file that changes within moments of the start leaves it open which one was read. */
async function pastTheWrite(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 2 * FILE_TIME_ERROR_MS);
  });
}

/** Sets an option of every translator of the type, in place of what was there. */
function withOption(text: string, type: string, key: string, value: string): string {
  const without = text.replaceAll(new RegExp(`^ *option ${key} .*\n`, 'gm'), '');
  const edited = without.replaceAll(`type ${type}\n`, `type ${type}\n    option ${key} ${value}\n`);
  expect(parseText(edited).ok).toBe(true);
  return edited;
}

/** What the brick itself says: a statedump, the one place that shows the value in use. */
async function threadsOf(lab: Lab, brick: Brick): Promise<string | undefined> {
  const dumps = async (): Promise<string[]> => (await readdir(brick.runDir)).filter((name) => name.includes('.dump.'));
  for (const old of await dumps()) await rm(`${brick.runDir}/${old}`);
  brick.signal('SIGUSR1');
  const [name] = await lab.waitFor('a statedump', async () => ((await dumps()).length > 0 ? await dumps() : undefined));
  const text = await readFile(`${brick.runDir}/${name}`, 'utf8');
  return /^maximum_threads_count=(\d+)$/m.exec(text)?.[1];
}

describe('volfiles of running processes', () => {
  let lab: Lab;
  let volume: Volume;
  let client: Mount;
  let managed: Managed;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile' });
    volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 2 });
    await pastTheWrite();
    await volume.start();
    client = await volume.mount();
    await pastTheStart();
    managed = new Managed(volume);
  });
  afterAll(async () => {
    await managed.stop();
    await lab.destroy();
  });

  /** The process is the one it was, and its client works. */
  async function isUnharmed(pid: number): Promise<void> {
    expect(volume.brick(0).pid).toBe(pid);
    expect(volume.brick(0).running).toBe(true);
    await writeFile(`${client.path}/alive`, String(Math.random()));
    expect(await readFile(`${volume.brick(0).path}/alive`, 'utf8')).toBe(
      await readFile(`${client.path}/alive`, 'utf8'),
    );
  }

  it('knows that both run what they have started with', async () => {
    expect(await managed.verdict('brick')).toBe('Unchanged/SameFile');
    expect(await managed.verdict('shd')).toBe('Unchanged/SameFile');
    expect((await managed.status('brick')).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('gets options into a brick under a connected client, by itself', async () => {
    const brick = volume.brick(0);
    const { pid } = brick;
    const text = withOption(await volume.configMap.text(BRICK_FILE), 'performance/io-threads', 'thread-count', '7');
    await volume.configMap.swap({ [BRICK_FILE]: text });
    await lab.waitFor('the reload', () => managed.manager.status()[0]?.outcome === 'Applied');
    const status = await managed.status('brick');
    expect(status).toMatchObject({ reason: 'ValuesSeen', reloads: { succeeded: 1, failed: 0 } });
    expect(status.changes).toMatchObject([{ key: 'thread-count', from: undefined, to: '7' }]);
    expect(await threadsOf(lab, brick)).toBe('7');
    await isUnharmed(pid);
  });

  it('changes options of every class under I/O, and no client sees an error', async () => {
    const brick = volume.brick(0);
    const { pid } = brick;
    const good = await volume.configMap.text(BRICK_FILE);
    const load = new ClientLoad(`${client.path}/load`);
    await load.start();
    for (const [type, key, value, expected] of [
      // Logged: a number, a boolean, a time, a size in percent.
      ['performance/io-threads', 'thread-count', '11', 'Applied/ValuesSeen'],
      ['debug/io-stats', 'latency-measurement', 'on', 'Applied/ValuesSeen'],
      ['storage/posix', 'health-check-interval', '20', 'Applied/ValuesSeen'],
      ['storage/posix', 'reserve', '2', 'Applied/ValuesSeen'],
      // Taken without a word: rules of access, the transport.
      ['protocol/server', `auth.addr.${brick.path}.allow`, '127.0.0.1,10.*', 'Applied/PassSeen'],
      ['protocol/server', 'transport.socket.keepalive-time', '30', 'Applied/PassSeen'],
      // Only at a start.
      ['features/index', 'index-base', `${brick.path}/.glusterfs/indices/other`, 'RestartRequired/OptionNeedsRestart'],
    ] as const) {
      await volume.configMap.swap({ [BRICK_FILE]: withOption(good, type, key, value) });
      expect([key, await managed.verdict('brick')]).toEqual([key, expected]);
    }
    await volume.configMap.swap({ [BRICK_FILE]: good });
    await managed.verdict('brick');
    const { operations, errors } = await load.end();
    expect(errors).toEqual([]);
    expect(operations).toBeGreaterThan(100);
    expect(await load.missingIn(`${client.path}/load`)).toEqual([]);
    await isUnharmed(pid);
  });

  it('lives through a storm of swaps, the last of which counts, and keeps nothing open', async () => {
    const brick = volume.brick(0);
    const { pid } = brick;
    const good = await volume.configMap.text(BRICK_FILE);
    const threads = (count: number): string =>
      withOption(good, 'performance/io-threads', 'thread-count', String(count));
    const openFiles = async (of: number | 'self'): Promise<number> => (await readdir(`/proc/${of}/fd`)).length;
    const before = await Promise.all([openFiles('self'), openFiles(pid)]);
    const { succeeded } = (await managed.status('brick')).reloads;
    const begun = Date.now();
    for (let swap = 0; swap < 200; swap += 1) await volume.configMap.swap({ [BRICK_FILE]: threads(20 + (swap % 40)) });
    await volume.configMap.swap({ [BRICK_FILE]: threads(13) });
    await lab.waitFor('the last file', async () => {
      const { runningHash, wantedHash } = await managed.status('brick');
      return runningHash === wantedHash && wantedHash === hashText(threads(13));
    });
    expect(await threadsOf(lab, brick)).toBe('13');
    // Of a file that changes while it is read, nothing is claimed. A storm that is over soon leaves what was before it in the history.
    const { reloads, history } = await managed.status('brick');
    const said = history.filter(({ at }) => at >= begun);
    expect(said.length).toBeGreaterThan(0);
    expect(said.filter(({ outcome }) => !['Applied', 'Unchanged', 'Pending', 'Unverified'].includes(outcome))).toEqual(
      [],
    );
    expect(reloads.succeeded - succeeded).toBeLessThan(20);
    const after = await Promise.all([openFiles('self'), openFiles(pid)]);
    for (const [index, count] of after.entries()) expect(count).toBeLessThanOrEqual((before[index] ?? 0) + 4);
    await volume.configMap.swap({ [BRICK_FILE]: good });
    expect((await managed.status('brick')).outcome).toBe('Applied');
    await isUnharmed(pid);
  });

  it('gets an option out again: its default counts', async () => {
    const text = await volume.configMap.text(BRICK_FILE);
    await volume.configMap.swap({ [BRICK_FILE]: text.replace(/^ *option thread-count .*\n/m, '') });
    expect(await managed.verdict('brick')).toBe('Applied/PassSeen');
    expect(await threadsOf(lab, volume.brick(0))).toBe('16');
  });

  it('gets options into the self-heal daemon', async () => {
    const text = withOption(await volume.configMap.text(SHD_FILE), 'cluster/replicate', 'heal-timeout', '77');
    await volume.configMap.swap({ [SHD_FILE]: text });
    expect(await managed.verdict('shd')).toBe('Applied/ValuesSeen');
    expect(await managed.verdict('brick')).toBe('Applied/PassSeen');
  });

  it.each([
    ['garbage', (text: string) => `${text}garbage here\n`, 'Rejected/SyntaxError'],
    ['half of it', (text: string) => text.slice(0, text.length / 2), 'Rejected/SyntaxError'],
    ['no auth-path', (text: string) => text.replace(/^ *option auth-path .*\n/m, ''), 'Rejected/LintError'],
    [
      'a value out of range',
      (text: string) => withOption(text, 'performance/io-threads', 'thread-count', '9999'),
      'Rejected/LintError',
    ],
    [
      'another volume-id',
      (text: string) => withOption(text, 'storage/posix', 'volume-id', ROOT_GFID),
      'Rejected/LintError',
    ],
    [
      'another tree',
      (text: string) => text.replace('features/simple-quota', 'features/quiesce'),
      'RestartRequired/TopologyChanged',
    ],
    [
      'an option for the start',
      (text: string) => withOption(text, 'protocol/server', 'transport.socket.nodelay', 'off'),
      'RestartRequired/OptionNeedsRestart',
    ],
  ])('sends the brick nothing for %s', async (_what, spoil, expected) => {
    const brick = volume.brick(0);
    const { pid } = brick;
    const good = await volume.configMap.text(BRICK_FILE);
    const before = await readFile(brick.logFile, 'utf8');
    await volume.configMap.swap({ [BRICK_FILE]: spoil(good) });
    expect(await managed.verdict('brick')).toBe(expected);
    await isUnharmed(pid);
    const lines = (await readFile(brick.logFile, 'utf8')).slice(before.length);
    expect(lines).not.toMatch(/volfile|reconfigure|using set value/);
    await volume.configMap.swap({ [BRICK_FILE]: good });
    expect(await managed.verdict('brick')).toBe('Unchanged/SameFile');
  });

  it('refuses a self-heal daemon that would heal nothing', async () => {
    const good = await volume.configMap.text(SHD_FILE);
    await volume.configMap.swap({ [SHD_FILE]: good.replace(/^ *option entry-self-heal .*\n/m, '') });
    const status = await managed.status('shd');
    expect(status).toMatchObject({ outcome: 'Rejected', problems: [{ id: 'VF202', severity: 'error' }] });
    await volume.configMap.swap({ [SHD_FILE]: good });
    expect(await managed.verdict('shd')).toBe('Unchanged/SameFile');
  });

  it('finds out what a brick runs that another agent has reloaded', async () => {
    await managed.stop();
    managed = new Managed(volume);
    expect(await managed.verdict('brick')).toBe('Unchanged/AlreadyLoaded');
    expect(await managed.verdict('shd')).toBe('Unchanged/AlreadyLoaded');
    const text = withOption(await volume.configMap.text(BRICK_FILE), 'performance/io-threads', 'thread-count', '9');
    await volume.configMap.swap({ [BRICK_FILE]: text });
    expect(await managed.verdict('brick')).toBe('Applied/ValuesSeen');
  });

  it('knows that a brick which restarted runs the newest file', async () => {
    const brick = volume.brick(0);
    await brick.kill('SIGKILL');
    expect(await managed.verdict('brick')).toBe('Pending/ProcessNotRunning');
    expect((await managed.status('brick')).runningHash).toBeUndefined();
    const text = (await volume.configMap.text(BRICK_FILE)).replace('features/simple-quota', 'features/quiesce');
    await volume.configMap.swap({
      [BRICK_FILE]: text.replace(/^ *option (pass-through|cmd-from-all-client) .*\n/gm, ''),
    });
    await pastTheWrite();
    await brick.start();
    const status = await managed.status('brick');
    expect(status).toMatchObject({ outcome: 'Unchanged', reason: 'SameFile' });
    expect(status.runningHash).toBe(status.wantedHash);
  });
});

interface Node {
  name: string;
  type: string;
  options: [key: string, value: string][];
}

/** What may be done to the chain of a brick's translators; the first and the last two stay where they are. */
const edits = fc.oneof(
  fc.record({ do: fc.constant('option' as const), threads: fc.integer({ min: 1, max: 64 }) }),
  fc.record({ do: fc.constant('insert' as const), at: fc.nat(), type: fc.constantFrom('upcall', 'leases', 'barrier') }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('rename' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('swap' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('form' as const) }),
);

type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never;

function edited(text: string, edit: Edit): string {
  const parsed = parseText(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const nodes = parsed.graph.volumes.map(({ name, type, options }): Node => {
    return { name, type, options: [...options.values()].map(({ key, value }) => [key, value]) };
  });
  const inner = nodes.length - 3;
  const at = 'at' in edit ? 1 + (edit.at % inner) : 0;
  const [node, next] = nodes.slice(at, at + 2);
  if (edit.do === 'option') {
    for (const { type, options } of nodes) {
      if (type === 'performance/io-threads') options.splice(0, options.length, ['thread-count', String(edit.threads)]);
    }
  }
  if (edit.do === 'insert') nodes.splice(at, 0, { name: 'vol1-extra', type: `features/${edit.type}`, options: [] });
  if (edit.do === 'remove') nodes.splice(at, 1);
  if (edit.do === 'rename' && node !== undefined) node.name = `${node.name}-new`;
  if (edit.do === 'swap' && node !== undefined && next !== undefined && at < inner) nodes.splice(at, 2, next, node);
  const blocks = nodes.map(({ name, type, options }, index) => {
    const lines = options.map(([key, value]) => `    option ${key} ${value}`);
    const below = nodes[index - 1];
    const subvolumes = below === undefined ? [] : [`    subvolumes ${below.name}`];
    return [`volume ${name}`, `    type ${type}`, ...lines, ...subvolumes, 'end-volume', ''].join('\n');
  });
  return `${edit.do === 'form' ? `# ${Math.random()}\n` : ''}${blocks.join('\n')}`;
}

describe('the verdict of a plan', () => {
  it('is what a real brick does', async () => {
    await using lab = await Lab.create({ name: 'volfile-verdict' });
    const volume = await lab.volume({ name: 'vol1', type: 'single' });
    const brick = volume.brick(0);
    const start = await volume.configMap.text(BRICK_FILE);
    await volume.start();
    await pastTheStart();
    let running = start;
    const seen = new Set<string>();
    // One of each kind at least, and some more as they come.
    const kinds = ['option', 'insert', 'remove', 'rename', 'swap', 'form'];
    const drawn = fc.sample(edits, 200);
    const firsts = kinds.flatMap((kind) => drawn.find((edit) => edit.do === kind) ?? []);
    for (const edit of [...firsts, ...drawn.slice(0, 1)]) {
      const text = edited(running, edit);
      const old = parseText(running);
      const next = parseText(text);
      if (!old.ok || !next.ok) throw new Error(`not a volfile: ${text}`);
      const plan = planChange(old.graph, { graph: next.graph, problems: [] });
      const { length } = await readFile(brick.logFile, 'utf8');
      await volume.configMap.swap({ [BRICK_FILE]: text });
      brick.signal('SIGHUP');
      const log = await lab.waitFor('an end of the reload', async () => {
        const lines = (await readFile(brick.logFile, 'utf8')).slice(length);
        return /No change in volfile|count-fop-hits using|initialization failed/.test(lines) ? lines : undefined;
      });
      const took = log.includes('No change in volfile') || log.includes('count-fop-hits using');
      expect([edit, plan.kind === 'topology']).toEqual([edit, !took]);
      if (took) running = text;
      seen.add(plan.kind);
    }
    expect([...seen].sort()).toEqual(['options', 'topology', 'unchanged']);
    expect(brick.running).toBe(true);
  });
});

describe('what the rules keep away from a brick', () => {
  let lab: Lab;
  let volume: Volume;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile-harm' });
    volume = await lab.volume({ name: 'vol1', type: 'single' });
  });
  afterAll(async () => lab.destroy());

  /** SIGHUP with a file, sent by somebody who does not look. */
  async function blindly(change: (text: string) => string): Promise<void> {
    const brick = volume.brick(0);
    await pastTheStart();
    const { length } = await readFile(brick.logFile, 'utf8');
    await volume.configMap.swap({ [BRICK_FILE]: change(await volume.configMap.text(BRICK_FILE)) });
    brick.signal('SIGHUP');
    await lab.waitFor('an end of the reload', async () => {
      const lines = (await readFile(brick.logFile, 'utf8')).slice(length);
      return !brick.running || /No change|count-fop-hits using|initialization failed|signal received/.test(lines);
    });
  }

  it('a file that is mounted with subPath is said never to follow its ConfigMap', async () => {
    const dir = `${lab.dir}/subpath`;
    await mkdir(dir);
    for (const name of [BRICK_FILE, SHD_FILE]) await writeFile(`${dir}/${name}`, '');
    const configMap = new ConfigMap(`${lab.dir}/of-subpath`);
    await configMap.swap({ [BRICK_FILE]: await volume.configMap.text(BRICK_FILE) });
    // As the kubelet does: the file itself, wherever the ConfigMap has it now.
    await runCommand(['mount', '--bind', configMap.path(BRICK_FILE), `${dir}/${BRICK_FILE}`]);
    lab.onDestroy(async () => void (await runCommand(['umount', `${dir}/${BRICK_FILE}`])));
    const set = await readVolfileSet(dir);
    expect([...set.files.values()].map((entry) => entry.ok && entry.frozen)).toEqual([true, false]);
    const context = { role: 'brick', expected: {}, gluster: undefined, xlators: undefined } as const;
    const judged = new FileJudge(BRICK_FILE).judge(set, context);
    expect(judged.readable && judged.problems.map(({ id }) => id)).toContain('VF008');
    await configMap.swap({ [BRICK_FILE]: '# new\n' });
    const after = await readVolfileSet(dir);
    expect([...after.files.values()].map((entry) => entry.ok && entry.sha256)).toEqual(
      [...set.files.values()].map((entry) => entry.ok && entry.sha256),
    );
  });

  it('a reload without auth-path kills a brick that has a client', async () => {
    await volume.start();
    const client = await volume.mount();
    await blindly((text) => text.replace(/^ *option auth-path .*\n/m, ''));
    expect(await volume.brick(0).exited()).toMatchObject({ signal: 'SIGSEGV' });
    await client.unmount();
  });

  it('a file that cannot be parsed leaves the parser broken, which this agent sees', async () => {
    const brick = volume.brick(0);
    const addAuthPath = (text: string): string =>
      text.replace('option transport-type', `option auth-path ${brick.path}\n    option transport-type`);
    await volume.configMap.swap({ [BRICK_FILE]: addAuthPath(await volume.configMap.text(BRICK_FILE)) });
    await brick.start();
    const good = await volume.configMap.text(BRICK_FILE);
    await blindly(() => `${good}garbage here\n`);
    expect(brick.running).toBe(true);
    const managed = new Managed(volume);
    await volume.configMap.swap({ [BRICK_FILE]: withOption(good, 'performance/io-threads', 'thread-count', '5') });
    expect(await managed.verdict('brick')).toBe('RestartRequired/Poisoned');
    await brick.stop();
    await pastTheWrite();
    await brick.start();
    expect(await managed.verdict('brick')).toBe('Unchanged/SameFile');
    await managed.stop();
  });

  it('after a file that breaks off within a volume, a good one kills the brick or is refused', async () => {
    const brick = volume.brick(0);
    const good = await volume.configMap.text(BRICK_FILE);
    await blindly(() => good.slice(0, good.length / 2));
    if (brick.running) await blindly(() => withOption(good, 'performance/io-threads', 'thread-count', '6'));
    // Memory is used after it was freed, so it goes this way or that.
    expect(brick.running ? await threadsOf(lab, brick) : 'dead').not.toBe('6');
  });
});
