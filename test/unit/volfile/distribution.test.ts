import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distributedOver } from '../../../src/volfile/distribution.ts';
import { volfileFactReader } from '../../../src/volfile/fact-reader.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'distribution-'));
});
afterEach(async () => rm(dir, { recursive: true }));

const CLIENTS = [0, 1, 2]
  .map((n) => `volume c${n}\n    type protocol/client\n    option remote-host h\nend-volume\n`)
  .join('');
const distribute = (type: string, children: string): string =>
  `${CLIENTS}volume dht\n    type ${type}\n    subvolumes ${children}\nend-volume\nvolume top\n    type performance/io-cache\n    subvolumes dht\nend-volume\n`;

describe('what a volume is distributed over', () => {
  it.each([
    ['three subvolumes', distribute('cluster/distribute', 'c0 c1 c2'), 3],
    ['under its old name', distribute('cluster/dht', 'c0 c1'), 2],
    ['over one', distribute('cluster/distribute', 'c0'), 1],
    ['not distributed', distribute('cluster/replicate', 'c0 c1 c2'), 1],
    [
      'a distribute that nothing uses',
      `${distribute('cluster/distribute', 'c0 c1')}volume other\n    type protocol/client\n    option remote-host h\nend-volume\n`,
      1,
    ],
    ['not a volfile', 'volume x\n', undefined],
  ])('%s', async (_, text, count) => {
    await writeFile(join(dir, 'pool1.vol'), text);
    expect(await volfileFactReader(dir, 'pool1.vol', distributedOver)()).toBe(count);
  });

  it('is not known without the file, and follows it', async () => {
    const read = volfileFactReader(dir, 'pool1.vol', distributedOver);
    expect(await read()).toBeUndefined();
    await writeFile(join(dir, 'pool1.vol'), distribute('cluster/distribute', 'c0'));
    expect(await read()).toBe(1);
    await writeFile(join(dir, 'pool1.vol'), distribute('cluster/distribute', 'c0 c1'));
    expect(await read()).toBe(2);
    expect(await volfileFactReader(undefined, 'pool1.vol', distributedOver)()).toBeUndefined();
  });
});
