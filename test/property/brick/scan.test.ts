import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { ScanDirectory } from '../../../src/brick/scan/directory.ts';
import { newTotals, scanTree } from '../../../src/brick/scan/tree.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const name = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => {
  const clean = Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)));
  return clean.toString('latin1') === '.' || clean.toString('latin1') === '..' ? Buffer.from('dots') : clean;
});
interface Step {
  kind: 'mkdir' | 'write' | 'sparse' | 'link' | 'symlink';
  name: Buffer;
  /** Picks a directory or file that exists already. */
  pick: number;
  bytes: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind']>('mkdir', 'write', 'sparse', 'link', 'symlink'),
  name,
  pick: fc.nat(1000),
  bytes: fc.nat(20_000),
});

/** Makes the tree below `root`, every file with its gfid handle in `handles`. */
function build(steps: Step[], root: Buffer, handles: string): { files: Buffer[]; directories: Buffer[] } {
  const directories = [root];
  const files: Buffer[] = [];
  for (const [index, { kind, name, pick, bytes }] of steps.entries()) {
    const path = Buffer.concat([directories[pick % directories.length] ?? root, Buffer.from('/'), name]);
    if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
    const file = files[pick % files.length];
    if (kind === 'mkdir') {
      fs.mkdirSync(path);
      directories.push(path);
    } else if (kind === 'symlink') fs.symlinkSync('/', path);
    else if (kind === 'link') {
      if (file !== undefined) fs.linkSync(file, path);
    } else {
      fs.writeFileSync(path, Buffer.alloc(bytes, 1));
      if (kind === 'sparse') fs.truncateSync(path, bytes + 1_000_000);
      fs.linkSync(path, `${handles}/${index}`);
      files.push(path);
    }
  }
  return { files, directories };
}

function du(path: Buffer): number {
  const text = execFileSync('du', ['-s', '--block-size=1', path.toString()], { encoding: 'utf8' });
  return Number(text.split('\t')[0]);
}

describe('a scan', () => {
  it('agrees with du on any tree', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        using place = new TemporaryDirectory('scan-property');
        const root = Buffer.from(place.mkdir('pv'));
        const { files, directories } = build(steps, root, place.mkdir('.glusterfs'));
        const totals = newTotals();
        using directory = ScanDirectory.at(root.toString());
        scanTree(directory, () => undefined, totals);
        const counter = files.reduce((sum, file) => {
          const { size, blocks } = fs.statSync(file);
          return sum + (Math.min(blocks, Math.ceil(size / 512)) + 1) * 512;
        }, 0);
        expect(totals).toMatchObject({
          diskBytes: du(root),
          counterBytes: counter,
          directories: directories.length,
          unreadable: 0,
        });
      }),
      { numRuns: 60 },
    );
  });
});
