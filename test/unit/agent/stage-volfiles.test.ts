import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/agent/config/load.ts';
import { stageVolfiles } from '../../../src/agent/stage-volfiles.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { BRICK_PATH, edit, sample, VOLUME_ID } from '../volfile/samples.ts';

const BRICK = sample('replica-brick.vol');
const SHD = sample('replica-shd.vol');
const NO_AUTH_PATH = edit(BRICK, `option auth-path ${BRICK_PATH}`, 'option trace off');

let temporary: TemporaryDirectory;
let staging: string;

beforeEach(() => {
  temporary = new TemporaryDirectory('stage-volfiles');
  staging = join(temporary.path, 'staged');
  temporary.write('volfiles/brick.vol', BRICK);
  temporary.write('volfiles/glustershd.vol', SHD);
});
afterEach(() => temporary[Symbol.dispose]());

function flags(): Record<string, string> {
  return {
    volume: 'vol1',
    volumeId: VOLUME_ID,
    volumeType: 'Replica3',
    brickPath: BRICK_PATH,
    brickVolfile: 'brick.vol',
    volfileDir: join(temporary.path, 'volfiles'),
    volfileStaging: staging,
  };
}

async function stage(more: Record<string, string> = {}): Promise<string[]> {
  const staged = await stageVolfiles(loadConfig({ flags: { ...flags(), ...more }, env: {} }));
  return staged.map(({ file, staging: outcome }) => `${file} ${outcome}`);
}

describe('stageVolfiles', () => {
  it('stages what brick and daemon start from', async () => {
    expect(await stage()).toEqual(['brick.vol staged', 'glustershd.vol staged']);
    expect(await stage()).toEqual(['brick.vol same', 'glustershd.vol same']);
    expect(readFileSync(join(staging, 'brick.vol'), 'utf8')).toBe(BRICK);
    expect(readFileSync(join(staging, 'glustershd.vol'), 'utf8')).toBe(SHD);
  });

  it('stages no daemon where none runs', async () => {
    expect(await stage({ shd: 'off' })).toEqual(['brick.vol staged']);
  });

  it('keeps the last good file of one process and goes on with the other', async () => {
    temporary.write('volfiles/brick.vol', NO_AUTH_PATH);
    expect(await stage()).toEqual(['brick.vol none', 'glustershd.vol staged']);
    temporary.write('volfiles/brick.vol', BRICK);
    await stage();
    temporary.write('volfiles/brick.vol', NO_AUTH_PATH);
    expect(await stage()).toEqual(['brick.vol kept', 'glustershd.vol same']);
    rmSync(join(temporary.path, 'volfiles'), { recursive: true });
    expect(await stage()).toEqual(['brick.vol kept', 'glustershd.vol kept']);
    expect(readFileSync(join(staging, 'brick.vol'), 'utf8')).toBe(BRICK);
  });

  it('refuses the file of another brick', async () => {
    expect(await stage({ brickPath: '/bricks/other/data/brick' })).toEqual(['brick.vol none', 'glustershd.vol staged']);
  });

  it('says so when nothing can be written', async () => {
    writeFileSync(staging, '');
    const config = loadConfig({ flags: { ...flags(), shd: 'off' }, env: {} });
    expect(await stageVolfiles(config)).toMatchObject([
      { staging: 'none', message: expect.stringContaining(`${staging} cannot be written`) },
    ]);
  });

  it('does nothing without staged mode', async () => {
    const { volfileStaging: _, ...direct } = flags();
    expect(await stageVolfiles(loadConfig({ flags: direct, env: {} }))).toEqual([]);
  });

  it('wants to know where from', () => {
    const { volfileDir: _, ...nowhere } = flags();
    expect(() => loadConfig({ flags: nowhere, env: {} })).toThrow('volfiles are staged from there');
  });
});

describe('prepare', () => {
  async function prepare(measure: () => void = () => {}): Promise<{ code: number; out: string; err: string }> {
    const lines = { out: '', err: '' };
    const code = await runProgram(['prepare', '-o', 'json'], {
      version: '1',
      output: {
        line: (text) => void (lines.out += `${text}\n`),
        error: (text) => void (lines.err += `${text}\n`),
        raw: () => {},
        rawError: () => {},
      },
      env: {},
      run: async () => await Promise.resolve(0),
      stage: async () => await stageVolfiles(loadConfig({ flags: { ...flags(), shd: 'off' }, env: {} })),
      diagnose: async () => await Promise.reject(new Error('nobody asked')),
      support: async () => await Promise.reject(new Error('nobody asked')),
      offline: async () => {
        measure();
        return await Promise.resolve({ pvs: [], refusals: [] });
      },
    });
    return { code, ...lines };
  }

  it('exits with 0 when a broken file leaves the last good one, and says what is wrong', async () => {
    await stage();
    temporary.write('volfiles/brick.vol', NO_AUTH_PATH);
    const { code, out, err } = await prepare();
    expect(code).toBe(0);
    expect(err).toContain('volfile brick.vol: the file has errors; the last good file stays');
    expect(err).toMatch(/ {2}brick\.vol:\d+:1: error VF101/);
    expect(JSON.parse(out)).toMatchObject({ exact: true, volfiles: [{ file: 'brick.vol', staging: 'kept' }] });
  });

  it('exits with 1 when there is nothing to start from', async () => {
    temporary.write('volfiles/brick.vol', NO_AUTH_PATH);
    const { code, err } = await prepare();
    expect([code, err]).toEqual([1, expect.stringContaining('there is no file to start from')]);
  });

  it('has staged the file even when the quota cannot be settled', async () => {
    const { code } = await prepare(() => {
      throw new Error('the disk does not answer');
    });
    expect(code).toBe(1);
    expect(readFileSync(join(staging, 'brick.vol'), 'utf8')).toBe(BRICK);
  });

  it('says nothing of a file that is fine', async () => {
    expect(await prepare()).toMatchObject({ code: 0, err: '' });
  });
});
