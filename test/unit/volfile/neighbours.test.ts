import { describe, expect, it } from 'vitest';
import { NeighbourFiles, withNeighbours } from '../../../src/volfile/neighbours.ts';
import { BRICK_PATH, edit, sample } from './samples.ts';

const BRICK = sample('replica-brick.vol');
const SHD = sample('replica-shd.vol');

function reader(files: Record<string, string>) {
  return (name: string) => {
    const text = files[name];
    return text === undefined ? undefined : { sha256: text, bytes: Buffer.from(text) };
  };
}

describe('the files of a pod', () => {
  const files = new NeighbourFiles(['brick.vol', 'glustershd.vol']);

  it('say what their processes must agree about', () => {
    const { bricks, clients } = files.look(reader({ 'brick.vol': BRICK, 'glustershd.vol': SHD, 'other.vol': BRICK }));
    expect(bricks).toMatchObject([
      { name: BRICK_PATH, listenPort: 24_007, watch: ['trusted.afr.vol1-', 'trusted.ec.dirty'] },
    ]);
    expect(clients).toMatchObject([
      { file: 'glustershd.vol', sets: [{ name: 'vol1-replicate-0' }, { name: 'vol1-replicate-1' }] },
    ]);
  });

  it('are looked at anew when one changes, and only then', () => {
    const first = files.look(reader({ 'brick.vol': BRICK }));
    expect(first.clients).toEqual([]);
    expect(files.look(reader({ 'brick.vol': BRICK }))).toBe(first);
    const renamed = edit(BRICK, 'trusted.afr.vol1-', 'trusted.afr.vol2-,trusted.afr.x');
    expect(files.look(reader({ 'brick.vol': renamed })).bricks[0]?.watch).toEqual([
      'trusted.afr.vol2-',
      'trusted.afr.x',
      'trusted.ec.dirty',
    ]);
  });

  it('that cannot be parsed or read say nothing', () => {
    expect(files.look(reader({ 'brick.vol': 'volume' }))).toEqual({ bricks: [], clients: [] });
    expect(files.look(reader({}))).toEqual({ bricks: [], clients: [] });
  });

  it('add to what is known of a brick, and never to where it is', () => {
    const known = { bricks: [{ name: BRICK_PATH, listenPort: 1 }] };
    const { bricks = [] } = withNeighbours(known, 'shd', 'glustershd.vol', files.look(reader({ 'brick.vol': BRICK })));
    expect(bricks).toEqual([{ name: BRICK_PATH, listenPort: 1, watch: ['trusted.afr.vol1-', 'trusted.ec.dirty'] }]);
    const { clients } = withNeighbours({}, 'brick', 'brick.vol', files.look(reader({ 'glustershd.vol': SHD })));
    expect(clients).toMatchObject([[{ name: 'vol1-replicate-0' }, { name: 'vol1-replicate-1' }]]);
    const own = withNeighbours({}, 'shd', 'glustershd.vol', files.look(reader({ 'glustershd.vol': SHD })));
    expect(own.clients).toEqual([]);
  });
});
