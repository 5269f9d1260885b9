import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { MAX_VOLFILE_BYTES } from '../../../src/volfile/parse.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { edit, sample } from '../volfile/samples.ts';

const BRICK = sample('replica-brick.vol');
const LINE_OF_SERVER = BRICK.split('\n').indexOf('volume vol1-server') + 1;
const NO_AUTH_PATH = edit(BRICK, /option auth-path .*\n/, '\n');
const NO_RESERVE = edit(BRICK, 'option directory', 'option reserve 0\n    option directory');

let dir = '';
beforeEach(() => {
  const temporary = new TemporaryDirectory('volfile-lint');
  dir = temporary.path;
  return () => temporary[Symbol.dispose]();
});

async function file(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(...args: string[]): Promise<Ran> {
  const ran: Ran = { code: 0, out: '', err: '' };
  const never = (): never => {
    throw new Error('no agent is started here');
  };
  ran.code = await runProgram(['volfile', ...args], {
    version: '1.2.3',
    output: {
      line: (text) => void (ran.out += `${text}\n`),
      error: (text) => void (ran.err += `${text}\n`),
      raw: (text) => void (ran.out += text),
      rawError: (text) => void (ran.err += text),
    },
    env: {},
    run: never,
    stage: never,
    offline: never,
    diagnose: never,
    support: never,
  });
  return ran;
}

describe('volfile lint', () => {
  it('is content with good files of every role', async () => {
    const paths = [
      await file('brick.vol', BRICK),
      await file('glustershd.vol', sample('replica-shd.vol')),
      await file('client.vol', sample('client.vol')),
    ];
    expect(await run('lint', ...paths)).toEqual({
      code: 0,
      out: '3 files, 0 errors, 0 warnings, 0 hints\n',
      err: '',
    });
  });

  it('writes findings as compilers do, and exits with 1', async () => {
    const path = await file('brick.vol', NO_AUTH_PATH);
    const { code, out } = await run('lint', path);
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^${path}:${LINE_OF_SERVER}:1: error VF101: .+ \\(add "option auth-path .+\\)\n`));
    expect(out).toMatch(/1 file, 1 error, 0 warnings, 0 hints\n$/);
  });

  it.each([
    ['an error', NO_AUTH_PATH, [1, 1, 1]],
    ['a warning', NO_RESERVE, [0, 1, 1]],
    ['a hint', edit(BRICK, 'option count-fop-hits on', ''), [0, 0, 1]],
    ['nothing', BRICK, [0, 0, 0]],
  ])('fails on %s as asked for', async (_what, content, codes) => {
    const path = await file('brick.vol', content);
    const found: number[] = [];
    for (const severity of ['error', 'warning', 'hint']) {
      found.push((await run('lint', '--fail-on', severity, path)).code);
    }
    expect(found).toEqual(codes);
    expect((await run('lint', path)).code).toBe(codes[1]);
  });

  it('exits with 2 when a file cannot be read, and says which', async () => {
    const missing = join(dir, 'missing.vol');
    const { code, out, err } = await run('lint', await file('brick.vol', BRICK), missing, dir);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`${missing}: ENOENT`);
    expect(err).toContain(`${dir}: it is not a regular file`);
  });

  it('takes a file that is too large for a fault of the file', async () => {
    const path = await file('large.vol', `${BRICK}# ${'x'.repeat(MAX_VOLFILE_BYTES)}`);
    const { code, out } = await run('lint', path);
    expect(code).toBe(1);
    expect(out).toMatch(/large\.vol: error VF004: /);
  });

  it.each([
    ['--role', 'tree'],
    ['--gluster-version', '9'],
    ['-o', 'xml'],
    ['--fail-on', 'luck'],
  ])('exits with 2 for %s %s', async (flag, value) => {
    expect((await run('lint', flag, value, await file('brick.vol', BRICK))).code).toBe(2);
  });

  it('exits with 2 without a file', async () => {
    expect((await run('lint')).code).toBe(2);
  });

  it('gives JSON, null where the whole file is meant', async () => {
    const { code, out } = await run('lint', '-o', 'json', await file('empty.vol', ''));
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      files: [{ file: join(dir, 'empty.vol'), role: null, problems: [{ id: 'VF001', line: null, column: null }] }],
      errors: 1,
      warnings: 0,
      hints: 0,
    });
  });

  it('tells a daemon that is not told to heal by the name of its file or of its top', async () => {
    const lame = edit(sample('replica-shd.vol'), /option iam-self-heal-daemon yes/g, '');
    expect((await run('lint', await file('any.vol', lame))).out).toContain('error VF201');
    const renamed = lame.replaceAll('volume glustershd', 'volume heal');
    expect((await run('lint', await file('any.vol', renamed))).out).not.toContain('VF201');
    expect((await run('lint', await file('vol1-glustershd.vol', renamed))).out).toContain('error VF201');
    expect((await run('lint', '--role', 'shd', await file('any.vol', renamed))).out).toContain('error VF201');
  });

  it('compares the files of one run with each other', async () => {
    const brick = await file('brick.vol', edit(BRICK, 'listen-port 24007', 'listen-port 24009'));
    const client = await file('client.vol', sample('client.vol'));
    expect((await run('lint', client)).code).toBe(0);
    expect((await run('lint', client, brick)).out).toContain(`${client}:2:1: warning VF210: `);
  });

  it('judges for the version asked for', async () => {
    const path = await file('brick.vol', BRICK);
    expect((await run('lint', '--gluster-version', '10', path)).out).toContain('error VF015: GlusterFS 10 has no');
  });

  it('looks types up among the translators that are installed', async () => {
    const path = await file('brick.vol', BRICK);
    const types = [...BRICK.matchAll(/type (\S+)/g)].map(([, type = '']) => type);
    for (const type of types) {
      await mkdir(join(dir, 'xlator', type, '..'), { recursive: true });
      await writeFile(join(dir, 'xlator', `${type}.so`), '');
    }
    const xlators = join(dir, 'xlator');
    expect((await run('lint', '--xlator-dir', xlators, path)).code).toBe(0);
    const other = await file('other.vol', edit(BRICK, 'features/locks', 'features/lox'));
    expect((await run('lint', '--xlator-dir', xlators, other)).out).toContain('error VF015');
    expect((await run('lint', '--xlator-dir', join(dir, 'none'), path)).code).toBe(2);
    await mkdir(join(dir, 'bare'));
    const bare = await run('lint', '--xlator-dir', join(dir, 'bare'), path);
    expect([bare.code, bare.err]).toEqual([2, expect.stringContaining('holds no translators')]);
  });

  it('lets no control character of a file or its name reach the terminal', async () => {
    const { out } = await run(
      'lint',
      await file('a\u001B[31m.vol', edit(BRICK, 'thread-count 16', 'thread-count \u009B')),
    );
    expect(out).toContain('error VF002');
    for (const control of ['\u001B', '\u009B']) expect(out).not.toContain(control);
  });
});

interface Sarif {
  version: string;
  runs: {
    tool: {
      driver: { name: string; version: string; rules: { id: string; defaultConfiguration: { level: string } }[] };
    };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region?: Record<string, number> } }[];
    }[];
  }[];
}

describe('volfile lint -o sarif', () => {
  async function sarif(...paths: string[]): Promise<{ code: number; log: Sarif }> {
    const { code, out } = await run('lint', '-o', 'sarif', ...paths);
    const log: Sarif = JSON.parse(out);
    return { code, log };
  }

  it('gives each finding its rule, level and place', async () => {
    const { code, log } = await sarif(await file('brick a.vol', NO_AUTH_PATH), await file('empty.vol', ''));
    expect([code, log.version, log.runs.length]).toEqual([1, '2.1.0', 1]);
    const [{ tool, results } = never()] = log.runs;
    expect([tool.driver.name, tool.driver.version]).toEqual(['brick-agent', '1.2.3']);
    expect(results).toHaveLength(2);
    for (const { ruleId, ruleIndex, level } of results) {
      expect(tool.driver.rules[ruleIndex]).toMatchObject({ id: ruleId, defaultConfiguration: { level } });
    }
    expect(results[0]?.locations[0]?.physicalLocation).toEqual({
      artifactLocation: { uri: `file://${dir}/brick%20a.vol` },
      region: { startLine: LINE_OF_SERVER, startColumn: 1 },
    });
    expect(results[1]?.locations[0]?.physicalLocation).toEqual({
      artifactLocation: { uri: `file://${dir}/empty.vol` },
    });
  });

  it('is a log without results when nothing is found', async () => {
    const { code, log } = await sarif(await file('brick.vol', BRICK));
    expect([code, log.runs[0]?.results]).toEqual([0, []]);
  });
});

describe('volfile diff', () => {
  async function diff(old: string, next: string, ...flags: string[]): Promise<Ran> {
    return await run('diff', ...flags, await file('old.vol', old), await file('new.vol', next));
  }

  it('exits with 0 when both mean the same', async () => {
    expect(await diff(BRICK, `# comment\n${BRICK}`)).toMatchObject({
      code: 0,
      out: 'unchanged: both files mean the same; nothing to do\n',
    });
  });

  it('lists options, and whether a running process takes them', async () => {
    const next = edit(BRICK, 'thread-count 16', 'thread-count 32');
    const { code, out } = await diff(BRICK, next);
    expect(code).toBe(1);
    expect(out).toBe(
      'options: the same translators, other options; a running process takes it on reload\n' +
        '  thread-count of "vol1-io-threads": "16" -> "32" (live)\n',
    );
    const [old10, new10] = [BRICK, next].map((text) => edit(text, 'features/simple-quota', 'features/upcall'));
    expect((await diff(old10 ?? '', new10 ?? '', '--gluster-version', '10')).out).toContain('has to be restarted');
    expect((await diff(BRICK, edit(next, 'listen-port 24007', 'listen-port 24008'))).out).toMatch(
      /has to be restarted\n.*"24007" -> "24008" \(restart\)\n/,
    );
  });

  it('tells another tree', async () => {
    const { code, out } = await diff(BRICK, edit(BRICK, 'features/locks', 'features/upcall'));
    expect(code).toBe(1);
    expect(out).toContain('topology: other translators; the process has to be restarted\n');
    expect(out).toContain('changes its type from features/locks to features/upcall');
  });

  it('tells why the new file is not acceptable', async () => {
    const { code, out } = await diff(BRICK, NO_AUTH_PATH);
    expect(code).toBe(1);
    expect(out).toContain('rejected: ');
    expect(out).toContain(`new.vol:${LINE_OF_SERVER}:1: error VF101: `);
  });

  it('exits with 2 when the old file cannot be parsed', async () => {
    const { code, out, err } = await diff('volume x', BRICK);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/old\.vol:1:\d+: error VF001: .+\n.*old\.vol cannot be parsed/);
  });

  it('exits with 2 when one cannot be read', async () => {
    expect((await run('diff', await file('old.vol', BRICK), join(dir, 'missing'))).code).toBe(2);
  });

  it.each([[['one.vol']], [['one.vol', 'two.vol', 'three.vol']], [['--process', 'brick', 'one.vol', 'two.vol']]])(
    'takes two files, or a process and one (%j)',
    async (args) => {
      expect(await run('diff', ...args)).toMatchObject({ code: 2, out: '' });
    },
  );

  it('asks no agent about what is no text', async () => {
    const path = join(dir, 'latin1.vol');
    await writeFile(path, Buffer.from([0xe9]));
    for (const command of [['diff', '--process', 'brick'], ['plan']]) {
      const { code, err } = await run(...command, path);
      expect([code, err]).toEqual([2, expect.stringContaining('latin1.vol: it is not UTF-8 text')]);
      expect(await run(...command, join(dir, 'missing'))).toMatchObject({ code: 2 });
    }
  });

  it('gives JSON without secrets', async () => {
    const secret = (word: string): string =>
      edit(BRICK, 'option transport-type tcp', `option transport-type tcp\n    option auth.login.me.password ${word}`);
    const next = edit(secret('topsecret'), 'thread-count 16', 'log-level INFO');
    const { out } = await diff(secret('oldsecret'), next, '-o', 'json');
    const key = (name: string, from: string | null, to: string | null): unknown =>
      expect.objectContaining({ key: name, from, to });
    expect(out).not.toMatch(/topsecret|oldsecret/);
    expect(JSON.parse(out)).toEqual({
      kind: 'options',
      action: expect.any(String),
      changes: [
        key('auth.login.me.password', '***', '***'),
        key('thread-count', '16', null),
        key('log-level', null, 'INFO'),
      ],
      differences: [],
      problems: [],
    });
  });
});

function never(): never {
  throw new Error('there is no run');
}
