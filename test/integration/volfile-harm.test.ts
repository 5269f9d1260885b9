/**
 * What the lint keeps away from bricks and self-heal daemons. Each file is put in by hand first, which shows the harm; then it is
 * offered as the agent does it, and the same process comes up unharmed from what is staged.
 */
import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { gfidFromBytes } from '../../src/lib/gfid.ts';
import { silentLog } from '../../src/lib/log.ts';
import { BrickClient } from '../../src/rpc/brick-client.ts';
import { healSets } from '../../src/volfile/facts.ts';
import { findInstallation } from '../../src/volfile/installation.ts';
import { lintVolfile } from '../../src/volfile/lint/lint.ts';
import type { LintContext } from '../../src/volfile/lint/rule.ts';
import type { Graph } from '../../src/volfile/model.ts';
import { MAX_VOLFILE_BYTES, parseText } from '../../src/volfile/parse.ts';
import { readVolfileSet } from '../../src/volfile/read-set.ts';
import { VolfileStage } from '../../src/volfile/stage.ts';
import { FileJudge, type Wanted } from '../../src/volfile/wanted.ts';
import type { Brick } from '../lab/brick.ts';
import { ConfigMap } from '../lab/config-map.ts';
import { probeConnect } from '../lab/daemon.ts';
import { pendingOn } from '../lab/inspect.ts';
import { Lab } from '../lab/lab.ts';
import type { Volume } from '../lab/volume.ts';
import { asPlainDirectory } from '../support/staging.ts';

type Change = (text: string) => string;

function without(...keys: string[]): Change {
  const lines = keys.map((key) => new RegExp(`^ *option ${key} .*\n`, 'gm'));
  return (text) => lines.reduce((left, line) => left.replaceAll(line, ''), text);
}

function withLine(type: string, line: string): Change {
  return (text) => text.replaceAll(`type ${type}\n`, `type ${type}\n    ${line}\n`);
}

/** One more below the index; `option` gets the brick's path. */
function withTranslator(type: string, option?: (brickPath: string) => string): Change {
  return (text) => {
    const path = /option directory (.*)/.exec(text)?.[1] ?? '';
    const line = option === undefined ? '' : `    option ${option(path)}\n`;
    const extra = `volume vol1-extra\n    type ${type}\n${line}    subvolumes vol1-io-threads\nend-volume\n\n`;
    return text
      .replace('volume vol1-index\n', (index) => `${extra}${index}`)
      .replace(/(volume vol1-index\n[^]*?subvolumes )vol1-io-threads/, '$1vol1-extra');
  };
}

/** What a file would become of that is offered to an agent. */
class Offers {
  readonly #source: ConfigMap;
  readonly #stage: VolfileStage;
  readonly #context: LintContext;

  constructor(volume: Volume, context: LintContext) {
    this.#source = new ConfigMap(`${volume.dir}/source`);
    this.#stage = new VolfileStage(volume.configMap.dir);
    this.#context = context;
  }

  async offer(file: string, text: string): Promise<{ wanted: Wanted; staging: string }> {
    await this.#source.swap({ [file]: text });
    const set = await readVolfileSet(this.#source.dir);
    const wanted = new FileJudge(file).judge(set, this.#context);
    return { wanted, staging: await this.#stage.offer(file, set.files.get(file), wanted) };
  }
}

function errorsOf(wanted: Wanted): string[] {
  if (!wanted.readable) throw new Error(wanted.message);
  return wanted.problems.filter(({ severity }) => severity === 'error').map(({ id }) => id);
}

function graphOf(text: string): Graph {
  const parsed = parseText(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.graph;
}

describe('a brick', () => {
  let lab: Lab;
  let volume: Volume;
  let brick: Brick;
  let good: string;
  let offers: Offers;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile-harm-brick' });
    volume = await lab.volume({ name: 'vol1', type: 'single' });
    brick = volume.brick(0);
    good = await volume.configMap.text(brick.volfileName);
    await asPlainDirectory(volume);
    await brick.start();
    const xlators = (await findInstallation(brick.pid))?.xlators;
    await brick.kill();
    const expected = {
      directory: brick.path,
      volumeId: volume.volumeId,
      brickName: brick.name,
      listenPort: brick.port,
    };
    offers = new Offers(volume, { role: 'brick', expected, gluster: '11', xlators });
  });
  afterAll(async () => lab.destroy());

  /** Ends, also when it ends by itself at this moment. */
  async function end(): Promise<void> {
    brick.kill().catch(() => undefined);
    await brick.exited();
  }

  /** 11.1 listens before it knows that it cannot serve, so a start alone says nothing; and some of its ends hang. */
  async function doesNotServe(): Promise<void> {
    await brick.start().catch(() => undefined);
    await lab.waitFor('an end of the brick', async () => {
      if (!brick.running) return true;
      const target = { host: '127.0.0.1', port: brick.port };
      return await probeConnect(target).then(
        () => false,
        () => true,
      );
    });
    await end();
  }

  async function connects(): Promise<string> {
    const client = new BrickClient({
      host: '127.0.0.1',
      port: brick.port,
      brickName: brick.name,
      clock: systemClock,
      log: silentLog,
    });
    try {
      return await lab.waitFor('an answer of the brick', () => {
        if (client.isUp) return 'yes';
        return client.downReason?.includes('SETVOLUME') === true ? client.downReason : undefined;
      });
    } finally {
      await client.stop();
    }
  }

  /** With the lint the brick starts from the good file, whatever was offered. */
  async function offered(bad: string): Promise<{ errors: string[]; staging: string; connects: string }> {
    await writeFile(brick.volfile, good);
    const { wanted, staging } = await offers.offer(brick.volfileName, bad);
    await brick.start();
    const answer = await connects();
    await end();
    return { errors: errorsOf(wanted), staging, connects: answer };
  }

  /** What is said of a file with this error. */
  function keptAway(id: string): object {
    return { errors: expect.arrayContaining([id]), staging: 'kept', connects: 'yes' };
  }

  it('comes up with a file that the lint has nothing against', async () => {
    expect(await offered(good)).toEqual({ errors: [], staging: 'same', connects: 'yes' });
  });

  it.each<[string, string, Change]>([
    ['VF001', 'a word too many', (text) => `${text}garbage\n`],
    ['VF002', 'a control character', (text) => text.replace('volume vol1-index', 'volume vol1-\u0001index')],
    ['VF005', 'a volume twice', (text) => text.replace('volume vol1-locks\n', 'volume vol1-access-control\n')],
    ['VF006', 'a subvolume that is not there', (text) => text.replace('subvolumes vol1-io-threads', 'subvolumes gone')],
    ['VF014', 'a type that is none', (text) => text.replace('type features/locks', 'type features')],
    ['VF015', 'a type that is not installed', (text) => text.replace('type features/locks', 'type features/nothing')],
    ['VF120', 'another directory', (text) => text.replace(/option directory .*/, 'option directory /nowhere/at/all')],
    [
      'VF121',
      'another volume-id',
      (text) => text.replace(/option volume-id .*/, 'option volume-id 00000000-0000-0000-0000-000000000001'),
    ],
    [
      'VF128',
      'a changelog without its directory',
      withTranslator('features/changelog', (path) => `changelog-brick ${path}`),
    ],
    [
      'VF128',
      'a changelog without its brick',
      withTranslator('features/changelog', (path) => `changelog-dir ${path}/log`),
    ],
    ['VF128', 'a bitrot-stub without its path', withTranslator('features/bitrot-stub')],
    ['VF128', 'a trash without its path', withTranslator('features/trash')],
    ['VF301', 'a word for a number', withLine('performance/io-threads', 'option thread-count many')],
    ['VF301', 'a unit where the transport takes none', withLine('protocol/server', 'option tcp-window-size 64KB')],
    [
      'VF301',
      'a time where the transport takes a number',
      withLine('protocol/server', 'option transport.tcp-user-timeout 10s'),
    ],
    ['VF302', 'a number out of bounds', withLine('performance/io-threads', 'option thread-count 9999')],
  ])('does not come up (%s) with %s', async (id, _what, change) => {
    await writeFile(brick.volfile, change(good));
    await doesNotServe();
    expect(await offered(change(good))).toEqual(keptAway(id));
  });

  it.each<[string, string, Change, string]>([
    ['VF103', 'no rule of access', without('auth\\.addr\\..*\\.allow'), 'Authentication failed'],
    [
      'VF104',
      'another name',
      (text) =>
        [
          `volume ${brick.path}\n`,
          `subvolumes ${brick.path}\n`,
          `auth-path ${brick.path}\n`,
          `auth.addr.${brick.path}.`,
        ].reduce((left, part) => left.replaceAll(part, part.replace(brick.path, 'other')), text),
      'Brick not found',
    ],
  ])('lets no client in (%s) with %s', async (id, _what, change, refusal) => {
    await writeFile(brick.volfile, change(good));
    await brick.start();
    expect(await connects()).toContain(refusal);
    await end();
    expect(await offered(change(good))).toEqual(keptAway(id));
  });

  it('runs what stands between backticks, in a comment even (VF003)', async () => {
    const ran = `${brick.runDir}/ran`;
    const bad = `# \`touch ${ran}\`\n${good}`;
    expect(await offered(bad)).toEqual(keptAway('VF003'));
    await expect(access(ran)).rejects.toThrow('ENOENT');
    await writeFile(brick.volfile, bad);
    await brick.start();
    await end();
    await access(ran);
  });

  it('listens elsewhere (VF105) with another port', async () => {
    const elsewhere = await lab.nextPort();
    const bad = good.replace(/listen-port .*/, `listen-port ${elsewhere}`);
    await writeFile(brick.volfile, bad);
    void brick.start().catch(() => undefined);
    await lab.waitFor('a listener', async () => {
      await probeConnect({ host: '127.0.0.1', port: elsewhere });
      return true;
    });
    await expect(probeConnect({ host: '127.0.0.1', port: brick.port })).rejects.toThrow('ECONNREFUSED');
    await end();
    expect(await offered(bad)).toEqual(keptAway('VF105'));
  });

  it("serves nobody (VF016) with a client's file, though it lives", async () => {
    const bad = await readFile(volume.clientVolfile, 'utf8');
    await writeFile(brick.volfile, bad);
    void brick.start().catch(() => undefined);
    await lab.waitFor('its socket', async () => {
      await probeConnect({ path: brick.socket });
      return true;
    });
    await expect(probeConnect({ host: '127.0.0.1', port: brick.port })).rejects.toThrow('ECONNREFUSED');
    expect(brick.running).toBe(true);
    await end();
    expect(await offered(bad)).toEqual(keptAway('VF016'));
  });

  it('would take a file that the agent reads no further (VF004)', async () => {
    const big = `${'# comment\n'.repeat(MAX_VOLFILE_BYTES / 10)}${good}`;
    await writeFile(brick.volfile, big);
    await brick.start();
    expect(await connects()).toBe('yes');
    await end();
    await writeFile(brick.volfile, good);
    const { wanted, staging } = await offers.offer(brick.volfileName, big);
    expect([wanted, staging]).toEqual([expect.objectContaining({ reason: 'FileUnreadable' }), 'kept']);
  });

  it('looks at no volume-id that is empty (VF007)', async () => {
    // With any other that is wrong it does not come up, see above.
    const bad = good.replace(/option volume-id .*/, 'option volume-id ""');
    await writeFile(brick.volfile, bad);
    await brick.start();
    await end();
    expect(await offered(bad)).toEqual(keptAway('VF007'));
  });

  it('goes on letting clients in that the new rules exclude (VF102), which the right auth-path keeps out', async () => {
    const excluding: Change = (text) => text.replace(/(auth\.addr\..*\.allow) .*/, '$1 10.9.9.9');
    const wrongPath: Change = (text) => text.replace(/option auth-path .*/, 'option auth-path /elsewhere');
    for (const [change, answer] of [
      [wrongPath, 'yes'],
      [(text: string) => text, 'Authentication failed'],
    ] as const) {
      await writeFile(brick.volfile, change(good));
      await brick.start();
      expect(await connects()).toBe('yes');
      const { length } = await readFile(brick.logFile, 'utf8');
      await writeFile(brick.volfile, excluding(change(good)));
      brick.signal('SIGHUP');
      await lab.waitFor('the reload', async () =>
        (await readFile(brick.logFile, 'utf8')).slice(length).includes('count-fop-hits using set value'),
      );
      expect(await connects()).toContain(answer);
      await end();
    }
    expect(await offered(wrongPath(good))).toEqual(keptAway('VF102'));
  });
});

describe('a replica set', () => {
  let lab: Lab;
  let volume: Volume;
  let goodShd: string;
  let offers: Offers;

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile-harm-set' });
    volume = await lab.volume({ name: 'vol1', type: 'replica', bricks: 3 });
    goodShd = await volume.configMap.text(volume.shd.volfileName);
    await asPlainDirectory(volume);
    offers = new Offers(volume, { role: 'shd', expected: {}, gluster: '11', xlators: undefined });
    await Promise.all(volume.bricks.map(async (brick) => await brick.start()));
  });
  afterAll(async () => lab.destroy());

  async function miss(name: string): Promise<void> {
    await missOne(lab, volume, name);
  }

  it.each<[string, string, Change]>([
    ['VF201', 'iam-self-heal-daemon', without('iam-self-heal-daemon')],
    ['VF202', 'the healers', without('data-self-heal', 'metadata-self-heal', 'entry-self-heal')],
  ])('is not healed (%s) by a daemon without %s', async (id, _what, change) => {
    await miss(id);
    expect(await pendingOn(volume.brick(0))).toBeGreaterThan(0);
    const { configMap, shd } = volume;
    await writeFile(configMap.path(shd.volfileName), change(goodShd));
    await shd.start();
    // A good one has healed it before this, see below.
    await new Promise((resolve) => setTimeout(resolve, HEALED_BY_THEN_MS));
    expect(await pendingOn(volume.brick(0))).toBeGreaterThan(0);
    await shd.kill();

    await writeFile(configMap.path(shd.volfileName), goodShd);
    const { wanted, staging } = await offers.offer(shd.volfileName, change(goodShd));
    expect([errorsOf(wanted), staging]).toEqual([[id], 'kept']);
    await shd.start();
    await lab.waitFor('the heal', async () => (await pendingOn(volume.brick(0))) === 0, {
      timeoutMs: HEALED_BY_THEN_MS,
    });
    await shd.kill();
  });

  describe('that waits', () => {
    const names = [0, 1, 2].map((index) => `vol1-client-${index}`).join(',');
    const children = (list: string): Change => {
      return (text) => text.replace(/(type cluster\/replicate\n[^]*?subvolumes ).*/, `$1${list}`);
    };
    const otherNames: Change = (text) => text.replace(names, names.replaceAll('vol1', 'vol2'));
    let all: Offers;
    beforeAll(async () => {
      const bricks = volume.bricks.map(({ name, port }) => ({ name, listenPort: port, watch: ['trusted.afr.vol1-'] }));
      all = new Offers(volume, { role: 'shd', expected: { bricks }, gluster: '11', xlators: undefined });
      await miss('waits');
    });

    /** The daemon does not live or does not heal. */
    async function isLeftWaiting(text: string): Promise<void> {
      const { shd } = volume;
      await writeFile(shd.volfile, text);
      await shd.start().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, HEALED_BY_THEN_MS / 2));
      for (const brick of volume.bricks.slice(0, 2)) expect(await pendingOn(brick)).toBeGreaterThan(0);
      if (shd.running) await shd.kill();
    }

    it.each<[string, string, Change]>([
      ['VF013', 'a brick named twice in place of another', children('vol1-client-0 vol1-client-1 vol1-client-1')],
      ['VF204', 'one replica', children('vol1-client-0')],
      ['VF205', 'too few pending names', (text) => text.replace(names, names.replace(/,vol1-client-2/, ''))],
      ['VF207', 'no hosts', without('remote-host')],
      ['VF207', 'no bricks', without('remote-subvolume')],
      [
        'VF209',
        'one brick as two',
        (text) => {
          const [, one, two] = volume.bricks;
          return text.replaceAll(String(two?.port), String(one?.port)).replaceAll(two?.path ?? '', one?.path ?? '');
        },
      ],
      ['VF212', 'names that no brick notes', otherNames],
      [
        'VF301',
        'a host with a port',
        (text) => text.replaceAll('remote-host 127.0.0.1', 'remote-host 127.0.0.1:24007'),
      ],
      // It lives without a connection, and answers nobody.
      ['VF301', 'a unit where the transport takes none', withLine('protocol/client', 'option tcp-window-size 64KB')],
    ])('is not healed (%s) by a daemon with %s', async (id, _what, change) => {
      const bad = change(goodShd);
      expect(bad).not.toBe(goodShd);
      await isLeftWaiting(bad);
      await writeFile(volume.shd.volfile, goodShd);
      const { wanted, staging } = await all.offer(volume.shd.volfileName, bad);
      expect([errorsOf(wanted), staging]).toEqual([expect.arrayContaining([id]), 'kept']);
    });

    it('is not healed (VF213) by a daemon that asks one port for two bricks, which is only warned of', async () => {
      const [one, , two] = volume.bricks;
      const bad = goodShd.replace(`remote-port ${two?.port}`, `remote-port ${one?.port}`);
      await isLeftWaiting(bad);
      expect(await readFile(volume.shd.logFile, 'utf8')).toContain('remote-error=Brick not found');
      expect(await warningsOf(bad)).toContain('VF213');
    });

    it('ends a daemon with too few pending names (VF205)', async () => {
      const few: Change = (text) => text.replace(names, 'vol1-client-0');
      await writeFile(volume.shd.volfile, few(goodShd));
      await volume.shd.start().catch(() => undefined);
      expect(await volume.shd.exited()).toMatchObject({ signal: 'SIGSEGV' });
    });

    it('is forgotten, and not healed (VF011), by a daemon with a brick that no set names', async () => {
      const { shd } = volume;
      const bad = children('vol1-client-0 vol1-client-1')(goodShd);
      await writeFile(shd.volfile, bad);
      await shd.start();
      // For two bricks that blame nobody else there is nothing to heal.
      await lab.waitFor('the index emptied', async () => (await pendingOn(volume.brick(0))) === 0);
      await shd.kill();
      await expect(access(`${volume.brick(2).path}/waits`)).rejects.toThrow('ENOENT');
      await writeFile(shd.volfile, goodShd);
      const { wanted, staging } = await all.offer(shd.volfileName, bad);
      expect([errorsOf(wanted), staging]).toEqual([['VF011'], 'kept']);
      await miss('waits-too');
    });

    it('is healed by a daemon with more names than replicas (VF214), below cluster/distribute (VF206): warnings', async () => {
      const change: Change = (text) =>
        text
          .replace(names, `${names},vol1-client-3`)
          .replace(
            /volume glustershd\n([^]*subvolumes ).*/,
            'volume vol1-dht\n    type cluster/distribute\n    subvolumes vol1-replicate-0\nend-volume\n\n' +
              'volume glustershd\n$1vol1-dht',
          );
      const odd = change(goodShd);
      expect(await warningsOf(odd)).toEqual(expect.arrayContaining(['VF206', 'VF214']));
      await writeFile(volume.shd.volfile, odd);
      await volume.shd.start();
      await lab.waitFor('the heal', async () => (await pendingOn(volume.brick(0))) === 0);
      await volume.shd.kill();
      await writeFile(volume.shd.volfile, goodShd);
    });

    it('keeps an old copy that nothing blames any more (VF215), by a daemon that numbers the bricks otherwise', async () => {
      const { shd } = volume;
      const [one, , late] = volume.bricks;
      if (one === undefined || late === undefined) throw new Error('no bricks');
      await writeFile(shd.volfile, goodShd);
      await shd.start();
      await lab.waitFor('the heal', async () => (await pendingOn(one)) === 0);
      await shd.kill();
      const client = await volume.mount();
      await writeFile(`${client.path}/numbered`, 'old');
      await client.unmount();
      await missOne(lab, volume, 'numbered', 'new');
      const bad = otherwise(goodShd, volume);
      await writeFile(shd.volfile, bad);
      await shd.start();
      await lab.waitFor('the index emptied', async () => (await pendingOn(one)) === 0);
      await shd.kill();
      expect(await readFile(`${one.path}/numbered`, 'utf8')).toBe('new');
      expect(await readFile(`${late.path}/numbered`, 'utf8')).toBe('old');
      await writeFile(shd.volfile, goodShd);
      expect(await offerBeside(volume, bad)).toEqual([['VF215'], 'kept']);
    });

    async function warningsOf(text: string): Promise<string[]> {
      const { wanted } = await all.offer(volume.shd.volfileName, text);
      if (!wanted.readable) throw new Error(wanted.message);
      expect(errorsOf(wanted)).toEqual([]);
      return wanted.problems.filter(({ severity }) => severity === 'warning').map(({ id }) => id);
    }
  });

  it('has bricks that note nothing under names that they do not watch (VF135), and something under a beginning', async () => {
    const [first, second] = volume.bricks;
    if (first === undefined || second === undefined) throw new Error('no bricks');
    const goods = [await readFile(first.volfile, 'utf8'), await readFile(second.volfile, 'utf8')] as const;
    const watching: [Brick, string, string][] = [
      // 11.1 takes the blank for a part of the name.
      [first, goods[0], '"trusted.afr.vol2-, trusted.afr.vol1-"'],
      [second, goods[1], 'trusted.afr.vol2-,trusted.afr.vol1'],
    ];
    const clients = [healSets(graphOf(await readFile(volume.clientVolfile, 'utf8')))];
    const warned: boolean[] = [];
    for (const [brick, good, list] of watching) {
      const text = good.replace(/(option xattrop-pending-watchlist ).*/, `$1${list}`);
      const { problems } = lintVolfile(Buffer.from(text), {
        role: 'brick',
        expected: { clients },
        gluster: '11',
        xlators: undefined,
      });
      warned.push(problems.some(({ id }) => id === 'VF135'));
      await brick.kill();
      await writeFile(brick.volfile, text);
      await brick.start();
    }
    expect(warned).toEqual([true, false]);
    await miss('under-other-names');
    expect([await isNoted(first, 'under-other-names'), await isNoted(second, 'under-other-names')]).toEqual([
      false,
      true,
    ]);
    for (const [brick, good] of watching) {
      await brick.kill();
      await writeFile(brick.volfile, good);
      await brick.start();
    }
  });

  it.each<[string, string, Change]>([
    [
      'VF011',
      'with its index beside the way',
      (text) => text.replace('subvolumes vol1-index', 'subvolumes vol1-io-threads'),
    ],
    ['VF131', 'without a watchlist', without('xattrop-dirty-watchlist', 'xattrop-pending-watchlist')],
    [
      'VF132',
      'with its index elsewhere',
      (text) => text.replace(/option index-base (.*)\/\.glusterfs\/indices/, 'option index-base $1-elsewhere'),
    ],
  ])('has a brick that notes nothing that waits for heal (%s) %s', async (id, _what, change) => {
    const brick = volume.brick(0);
    const other = volume.brick(1);
    const good = await readFile(brick.volfile, 'utf8');
    const bad = change(good);
    await brick.kill();
    await writeFile(brick.volfile, bad);
    await brick.start();
    const unnoticed = `unnoticed-${id}`;
    await miss(unnoticed);
    expect([await isNoted(brick, unnoticed), await isNoted(other, unnoticed)]).toEqual([false, true]);

    const expected = {
      directory: brick.path,
      volumeId: volume.volumeId,
      brickName: brick.name,
      listenPort: brick.port,
    };
    const ofBrick = new Offers(volume, { role: 'brick', expected, gluster: '11', xlators: undefined });
    await writeFile(brick.volfile, good);
    const { wanted, staging } = await ofBrick.offer(brick.volfileName, bad);
    expect([errorsOf(wanted), staging]).toEqual([[id], 'kept']);
    await brick.kill();
    await brick.start();
    await miss(`noticed-${id}`);
    expect(await isNoted(brick, `noticed-${id}`)).toBe(true);
  });
});

describe('a disperse set', () => {
  let lab: Lab;
  let volume: Volume;
  const watched = '    option xattrop64-watchlist trusted.ec.dirty\n';

  beforeAll(async () => {
    lab = await Lab.create({ name: 'volfile-harm-ec' });
    volume = await lab.volume({ name: 'vol1', type: 'disperse' });
    await asPlainDirectory(volume);
    await Promise.all(volume.bricks.map(async (brick) => await brick.start()));
  });
  afterAll(async () => lab.destroy());

  it('has bricks that note nothing where another list takes its name away (VF135), and something by default', async () => {
    const [first, second] = volume.bricks;
    if (first === undefined || second === undefined) throw new Error('no bricks');
    const lists: [Brick, string][] = [
      [first, '    option xattrop-dirty-watchlist trusted.ec.dirty\n'],
      // As of a replica set: the default of the other list does it.
      [second, '    option xattrop-pending-watchlist trusted.afr.vol1-\n'],
    ];
    const clients = [healSets(graphOf(await readFile(volume.clientVolfile, 'utf8')))];
    const warned: boolean[] = [];
    const goods: string[] = [];
    for (const [brick, list] of lists) {
      const good = await readFile(brick.volfile, 'utf8');
      const text = good.replace(watched, list);
      expect(text).not.toBe(good);
      const context = { role: 'brick', expected: { clients }, gluster: '11', xlators: undefined } as const;
      warned.push(lintVolfile(Buffer.from(text), context).problems.some(({ id }) => id === 'VF135'));
      await brick.kill();
      await writeFile(brick.volfile, text);
      goods.push(good);
      await brick.start();
    }
    expect(warned).toEqual([true, false]);
    await missOne(lab, volume, 'under-another-name');
    expect([await isNoted(first, 'under-another-name'), await isNoted(second, 'under-another-name')]).toEqual([
      false,
      true,
    ]);
    for (const [index, [brick]] of lists.entries()) {
      await brick.kill();
      await writeFile(brick.volfile, goods[index] ?? '');
      await brick.start();
    }
  });

  it.each<[string, string, Change]>([
    ['VF204', 'with a redundancy of most of its bricks', (text) => text.replace('redundancy 1', 'redundancy 2')],
    ['VF212', 'of bricks that note nothing', (text) => text],
  ])('is not healed (%s) by a daemon %s', async (id, _what, change) => {
    const { shd } = volume;
    const good = await readFile(shd.volfile, 'utf8');
    const bad = change(good);
    const notes = id !== 'VF212';
    if (!notes) await rewatch(watched, watched.replace('ec', 'foo'));
    const name = `waits-${id}`;
    await missOne(lab, volume, name);
    expect(await isNoted(volume.brick(0), name)).toBe(notes);
    await writeFile(shd.volfile, bad);
    await shd.start().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, HEALED_BY_THEN_MS / 2));
    expect(await isHealed(name)).toBe(false);
    if (shd.running) await shd.kill();
    const bricks = volume.bricks.map(({ name: brick, port }) => {
      return { name: brick, listenPort: port, watch: [notes ? 'trusted.ec.dirty' : 'trusted.foo.dirty'] };
    });
    const offers = new Offers(volume, { role: 'shd', expected: { bricks }, gluster: '11', xlators: undefined });
    await writeFile(shd.volfile, good);
    const { wanted, staging } = await offers.offer(shd.volfileName, bad);
    expect([new Set(errorsOf(wanted)), staging]).toEqual([new Set([id]), 'kept']);
    if (!notes) {
      await rewatch(watched.replace('ec', 'foo'), watched);
      return;
    }
    await shd.start();
    await lab.waitFor('the heal', async () => await isHealed(name), { timeoutMs: HEALED_BY_THEN_MS });
    await shd.kill();
  });

  it('is ruined (VF215) by a daemon that has the bricks in another order', async () => {
    const { shd } = volume;
    const before = await volume.mount();
    await writeFile(`${before.path}/ordered`, 'x');
    await before.unmount();
    await missOne(lab, volume, 'ordered', 'in some order');
    const good = await readFile(shd.volfile, 'utf8');
    const bad = otherwise(good, volume);
    await writeFile(shd.volfile, bad);
    await shd.start();
    await lab.waitFor('the index emptied', async () => (await pendingOn(volume.brick(0))) === 0);
    await shd.kill();
    // Of three, two are read: the healed one among them, when another is away.
    await volume.brick(1).kill();
    const client = await volume.mount();
    expect(await readFile(`${client.path}/ordered`, 'utf8')).not.toBe('in some order');
    await client.unmount();
    await writeFile(shd.volfile, good);
    expect(await offerBeside(volume, bad)).toEqual([['VF215'], 'kept']);
  });

  async function isHealed(name: string): Promise<boolean> {
    const sizes = [0, 2].map(async (index) => {
      const fragment = await readFile(`${volume.brick(index).path}/${name}`).catch(() => undefined);
      return fragment?.length;
    });
    const [one, other] = await Promise.all(sizes);
    return one !== undefined && one === other;
  }

  async function rewatch(from: string, to: string): Promise<void> {
    for (const brick of volume.bricks) {
      await brick.kill();
      await writeFile(brick.volfile, (await readFile(brick.volfile, 'utf8')).replace(from, to));
      await brick.start();
    }
  }
});

/** The second and the third brick change places. */
function otherwise(text: string, { bricks: [, two, three] }: Volume): string {
  if (two === undefined || three === undefined) throw new Error('no bricks');
  const address = ({ port, path }: Brick): string =>
    `option remote-port ${port}\n    option remote-subvolume ${path}\n`;
  const result = text
    .replace(address(two), '@two')
    .replace(address(three), address(two))
    .replace('@two', address(three));
  if (result === text || result.includes('@two')) throw new Error(`no such clients in ${text}`);
  return result;
}

/** What the agent makes of a self-heal daemon's file beside that of the clients. */
async function offerBeside(volume: Volume, text: string): Promise<[errors: string[], staging: string]> {
  const clients = [healSets(graphOf(await readFile(volume.clientVolfile, 'utf8')))];
  const offers = new Offers(volume, { role: 'shd', expected: { clients }, gluster: '11', xlators: undefined });
  const { wanted, staging } = await offers.offer(volume.shd.volfileName, text);
  return [errorsOf(wanted), staging];
}

/** A file that the third brick misses. */
async function missOne(lab: Lab, volume: Volume, name: string, content = 'x'): Promise<void> {
  const client = await volume.mount();
  await volume.brick(2).kill();
  await lab.waitFor('the loss', async () => !(await client.connectedBricks()).includes(2));
  await writeFile(`${client.path}/${name}`, content);
  await client.unmount();
  await volume.brick(2).start();
}

/** Whether the brick knows that the file waits for heal. */
async function isNoted(brick: Brick, name: string): Promise<boolean> {
  const gfid = brick.xattr(name, 'trusted.gfid');
  if (gfid === undefined) throw new Error(`${name} is not on the brick`);
  const noted = await readdir(`${brick.path}/.glusterfs/indices/xattrop`);
  return noted.includes(gfidFromBytes(gfid));
}

/** What a good daemon needs after its start; it is waited for no longer either. In milliseconds. */
const HEALED_BY_THEN_MS = 4000;
