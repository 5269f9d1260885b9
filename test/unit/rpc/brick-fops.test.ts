import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/lib/errors.ts';
import { ROOT_GFID } from '../../../src/lib/gfid.ts';
import { BrickFops, type BrickFd, type FopOptions } from '../../../src/rpc/brick-fops.ts';
import { gfxText, type GfxValue } from '../../../src/rpc/gfx-dict.ts';
import type { DirectoryEntry } from '../../../src/rpc/programs/directory.ts';
import type { Procedure } from '../../../src/rpc/programs/procedure.ts';

const DIR = '11111111-2222-4333-8444-555555555555';
const options: FopOptions = { pid: -14 };

/** Answers are given by the test; what was asked is kept. */
class ScriptedFops extends BrickFops {
  generation = 1;
  readonly asked: { name: string; input: unknown; options: FopOptions }[] = [];
  readonly resets: string[] = [];
  answers: Record<string, CallableFunction> = {};

  protected override async invoke<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    options: FopOptions,
  ): Promise<Output> {
    this.asked.push({ name: procedure.name, input, options });
    const answer = this.answers[procedure.name];
    if (answer === undefined) throw new AgentError('Internal', `no answer for ${procedure.name}`);
    return await Reflect.apply(answer, undefined, [input]);
  }

  protected override async invokeEach<Input, Output>(
    _procedure: Procedure<Input, Output>,
    inputs: readonly Input[],
  ): Promise<(Output | AgentError)[]> {
    const answer = this.answers['each'];
    if (answer === undefined) throw new AgentError('Internal', 'no answers for many');
    return await Reflect.apply(answer, undefined, [inputs]);
  }

  protected override reset(why: string): void {
    this.resets.push(why);
  }
}

let fops: ScriptedFops;

beforeEach(() => {
  fops = new ScriptedFops();
});

function names(): string[] {
  return fops.asked.map(({ name }) => name);
}

function entry(name: string, offset: bigint): DirectoryEntry {
  return { name: Buffer.from(name), ino: 1n, offset };
}

describe('resolvePath', () => {
  it('goes from the root, one component after the other', async () => {
    fops.answers['FOP.LOOKUP'] = () => ({ iatt: { gfid: DIR }, xattrs: new Map() });
    await fops.resolvePath(['subvol', 'pvc-1'], options);
    expect(fops.asked.map(({ input }) => input)).toStrictEqual([
      { gfid: ROOT_GFID, xattrs: [] },
      { parent: DIR, name: 'subvol' },
      { parent: DIR, name: 'pvc-1' },
    ]);
  });

  it('stops where there is nothing', async () => {
    let lookups = 0;
    fops.answers['FOP.LOOKUP'] = () => {
      lookups += 1;
      return lookups === 1 ? { iatt: { gfid: ROOT_GFID }, xattrs: new Map() } : undefined;
    };
    expect(await fops.resolvePath(['a', 'b', 'c'], options)).toBeUndefined();
    expect(lookups).toBe(2);
  });
});

describe('getXattr', () => {
  const values = new Map<string, GfxValue>([['user.a', gfxText('x')]]);

  it('takes the value of the name that was asked for, not the first one', async () => {
    fops.answers['FOP.GETXATTR'] = () => values;
    expect(await fops.getXattr(DIR, 'user.b', options)).toBeUndefined();
    expect(await fops.getXattr(DIR, 'user.a', options)).toStrictEqual(gfxText('x'));
  });

  it('refuses the empty name, which lists everything', async () => {
    await expect(fops.getXattr(DIR, '', options)).rejects.toMatchObject({ code: 'BadRequest' });
    expect(fops.asked).toStrictEqual([]);
  });

  it('has an empty list where there are none', async () => {
    fops.answers['FOP.GETXATTR'] = () => undefined;
    expect(await fops.listXattrs(DIR, options)).toStrictEqual(new Map());
  });
});

describe('descriptors', () => {
  let fd: BrickFd;

  beforeEach(async () => {
    fops.answers['FOP.CREATE'] = () => ({ iatt: {}, fd: 5n });
    fops.answers['FOP.FTRUNCATE'] = () => undefined;
    fd = await fops.create({ parent: ROOT_GFID, name: 'f', flags: 2, mode: 0o600, gfid: DIR }, options);
  });

  it('go with the gfid and number that the brick gave', async () => {
    await fops.ftruncate(fd, 4096n, options);
    expect(fops.asked.at(-1)?.input).toStrictEqual({ gfid: DIR, fd: 5n, size: 4096n });
  });

  it('are worth nothing after their connection: the number may be another file by now', async () => {
    fops.generation = 2;
    const calls = [
      fops.ftruncate(fd, 0n, options),
      fops.fallocate(fd, { offset: 0n, size: 1n }, options),
      fops.release(fd, options),
      fops.readdir(fd, 0n, options),
      fops.releasedir(fd, options),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'RpcDisconnected' });
    expect(names()).toStrictEqual(['FOP.CREATE']);
  });

  it('belong to the connection they were asked for on, also when it ended before the answer was seen', async () => {
    fops.answers['FOP.CREATE'] = () => {
      fops.generation = 2;
      return { iatt: {}, fd: 0n };
    };
    const late = await fops.create({ parent: ROOT_GFID, name: 'g', flags: 2, mode: 0o600, gfid: DIR }, options);
    await expect(fops.release(late, options)).rejects.toMatchObject({ code: 'RpcDisconnected' });
  });
});

describe('entries', () => {
  beforeEach(() => {
    fops.answers['FOP.OPENDIR'] = () => 3n;
    fops.answers['FOP.RELEASEDIR'] = () => undefined;
  });

  async function list(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of fops.entries(DIR, options)) found.push(name.toString());
    return found;
  }

  it('goes on after the last entry of each page, and closes', async () => {
    const pages = [
      { entries: [entry('.', 1n), entry('a', 2n)], isLast: false },
      { entries: [entry('b', 9n)], isLast: true },
    ];
    fops.answers['FOP.READDIR'] = () => pages.shift();
    expect(await list()).toStrictEqual(['.', 'a', 'b']);
    expect(fops.asked.filter(({ name }) => name === 'FOP.READDIR').map(({ input }) => input)).toMatchObject([
      { gfid: DIR, fd: 3n, offset: 0n },
      { gfid: DIR, fd: 3n, offset: 2n },
    ]);
    expect(names().at(-1)).toBe('FOP.RELEASEDIR');
  });

  it('ends at an empty page', async () => {
    fops.answers['FOP.READDIR'] = () => ({ entries: [], isLast: false });
    expect(await list()).toStrictEqual([]);
  });

  it('does not run for ever with a brick that shows the same page again', async () => {
    fops.answers['FOP.READDIR'] = () => ({ entries: [entry('a', 7n)], isLast: false });
    await expect(list()).rejects.toMatchObject({ code: 'RpcProtocol' });
    expect(names().at(-1)).toBe('FOP.RELEASEDIR');
  });

  it('closes when the caller has seen enough', async () => {
    fops.answers['FOP.READDIR'] = () => ({ entries: [entry('a', 1n), entry('b', 2n)], isLast: false });
    for await (const found of fops.entries(DIR, options)) {
      expect(found.name.toString()).toBe('a');
      break;
    }
    expect(names()).toStrictEqual(['FOP.OPENDIR', 'FOP.READDIR', 'FOP.RELEASEDIR']);
  });

  it('says why the listing failed, not why the closing did', async () => {
    fops.answers['FOP.READDIR'] = () => {
      throw new AgentError('RpcDisconnected', 'lost');
    };
    fops.answers['FOP.RELEASEDIR'] = () => {
      throw new AgentError('Timeout', 'closing');
    };
    await expect(list()).rejects.toMatchObject({ code: 'RpcDisconnected' });
  });
});

describe('lockEntries', () => {
  const lock = { ...options, lockOwner: Buffer.from('owner') };

  it.each(['Timeout', 'Aborted'] as const)(
    'ends the connection after %s: the brick may still grant the lock',
    async (code) => {
      fops.answers['FOP.ENTRYLK'] = () => {
        throw new AgentError(code, 'given up');
      };
      await expect(fops.lockEntries(DIR, 'v-replicate-0', 'lock', lock)).rejects.toMatchObject({ code });
      expect(fops.resets).toHaveLength(1);
    },
  );

  it('keeps the connection when the brick refuses', async () => {
    fops.answers['FOP.ENTRYLK'] = () => {
      throw new AgentError('GlusterError', 'EINVAL');
    };
    await expect(fops.lockEntries(DIR, 'v-replicate-0', 'unlock', lock)).rejects.toMatchObject({
      code: 'GlusterError',
    });
    expect(fops.resets).toStrictEqual([]);
  });
});

describe('statfs', () => {
  const OTHER = '11111111-2222-4333-8444-666666666666';

  it.each(['an answer', 'an error'])(
    'of the quota helper is asked once at a time for a directory: the first ends with %s',
    async (ends) => {
      const { pid } = options;
      const first = Promise.withResolvers<string>();
      const answers = [first.promise, Promise.resolve('second')];
      fops.answers['FOP.STATFS'] = async (gfid: string) => await (gfid === DIR ? answers.shift() : 'other');
      const one = fops.statfs(DIR, { pid }).catch((error: unknown) => error);
      const two = fops.statfs(DIR, { pid });
      expect(await fops.statfs(OTHER, { pid })).toBe('other');
      expect(fops.asked.map(({ input }) => input)).toEqual([DIR, OTHER]);
      if (ends === 'an answer') first.resolve('first');
      else first.reject(new AgentError('Timeout', 'no answer'));
      await one;
      expect(await two).toBe('second');
    },
  );

  it('of many waits for those that are asked, and has an answer for each', async () => {
    const first = Promise.withResolvers<string>();
    fops.answers['FOP.STATFS'] = async () => await first.promise;
    const asked: unknown[] = [];
    fops.answers['each'] = (inputs: readonly string[]) => {
      asked.push(inputs);
      return inputs.map((gfid) => `of ${gfid}`);
    };
    const one = fops.statfs(DIR, options);
    const all = fops.statfsEach([OTHER, DIR, OTHER], { ...options, width: 8 });
    await new Promise(setImmediate);
    expect(asked).toEqual([]);
    first.resolve('first');
    await one;
    expect(await all).toEqual([`of ${OTHER}`, `of ${DIR}`, `of ${OTHER}`]);
    expect(asked).toEqual([[OTHER, DIR]]);
  });

  it('of others changes nothing, and waits for nobody', async () => {
    const first = Promise.withResolvers<string>();
    const answers = [first.promise, Promise.resolve('second')];
    fops.answers['FOP.STATFS'] = async () => await answers.shift();
    const one = fops.statfs(DIR, options);
    expect(await fops.statfs(DIR, { pid: 1 })).toBe('second');
    first.resolve('first');
    await one;
  });
});
