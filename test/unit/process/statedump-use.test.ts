import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InodeUseReader } from '../../../src/process/statedump-use.ts';

/** A brick while a client writes to one file and has another one open for reading. */
const SAMPLE = readFileSync(join(import.meta.dirname, '../../samples/statedump/brick-11.1-use.txt'), 'utf8');
const BRICK = '/bricks/b.1/brick';
const READ = 'b16735fd-ed53-4a3a-b41e-f635eb44b816';
const WRITTEN = 'cfa8b012-5fb5-43fc-acb5-371bac255b71';

function useIn(text: string, brickName = BRICK) {
  const reader = new InodeUseReader(brickName);
  for (const line of text.split('\n')) reader.line(line);
  const used = reader.end();
  return used === undefined ? undefined : Object.fromEntries(used);
}

describe('InodeUseReader', () => {
  it('finds open files and the lock of a write, and nobody else', () => {
    expect(useIn(SAMPLE)).toEqual({ [READ]: { handles: 1, locks: 0 }, [WRITTEN]: { handles: 1, locks: 1 } });
  });

  it('knows nothing from a dump without the table of this brick', () => {
    expect(useIn(SAMPLE, '/bricks/b.2/brick')).toBeUndefined();
    expect(useIn('DUMP-START-TIME: x\n[mallinfo]\nDUMP-END-TIME: y\n')).toBeUndefined();
  });

  it('does not count locks of self-heal, which has a pid below zero', () => {
    const heal = SAMPLE.replace('pid = 30218', 'pid = 18446744073709551610');
    expect(useIn(heal)?.[WRITTEN]).toEqual({ handles: 1, locks: 0 });
  });

  it('counts a lock whose name has the form of such a pid', () => {
    const name = 'a, pid = 18446744073709551610';
    const lock = `entrylk.entrylk[0](ACTIVE)=type=ENTRYLK_WRLCK on basename=${name}, pid = 7, owner=1`;
    const text = SAMPLE.replace(/^inodelk\.inodelk.*$/m, lock);
    expect(useIn(text)?.[WRITTEN]).toEqual({ handles: 1, locks: 1 });
  });

  it('takes the table once, though it is shown for each connection', () => {
    const table = SAMPLE.slice(SAMPLE.indexOf('[conn.0.bound_xl'), SAMPLE.indexOf('DUMP-END'));
    const twice = SAMPLE.replace('DUMP-END', `${table.replaceAll('[conn.0.', '[conn.1.')}DUMP-END`);
    expect(useIn(twice)).toEqual(useIn(SAMPLE));
  });

  it('never fails, and a path of any form hides no use', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '[x]',
        '[xlator.features.locks.l.inode]',
        `[conn.0.bound_xl.${BRICK}.active.9]`,
        `gfid=${WRITTEN}`,
      ),
      fc.constantFrom('fd-count=0', 'fd-count=-1', 'inodelk.inodelk[0](ACTIVE)=x'),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const used = useIn(SAMPLE.replace('path=/d/g', () => `path=/d/${lines.join('\n')}`));
        expect(used?.[READ]?.handles).toBeGreaterThanOrEqual(1);
        expect(used?.[WRITTEN]?.handles).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
