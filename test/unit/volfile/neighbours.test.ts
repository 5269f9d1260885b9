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
    const { bricks, sets } = files.look(reader({ 'brick.vol': BRICK, 'glustershd.vol': SHD, 'other.vol': BRICK }));
    expect(bricks).toMatchObject([{ name: BRICK_PATH, listenPort: 24_007, watch: ['trusted.afr.vol1-'] }]);
    expect(sets.map(({ name }) => name)).toEqual(['vol1-replicate-0', 'vol1-replicate-1']);
  });

  it('are looked at anew when one changes, and only then', () => {
    const first = files.look(reader({ 'brick.vol': BRICK }));
    expect(first.sets).toEqual([]);
    expect(files.look(reader({ 'brick.vol': BRICK }))).toBe(first);
    const renamed = edit(BRICK, 'trusted.afr.vol1-', 'trusted.afr.vol2-,trusted.afr.x');
    expect(files.look(reader({ 'brick.vol': renamed })).bricks[0]?.watch).toEqual([
      'trusted.afr.vol2-',
      'trusted.afr.x',
    ]);
  });

  it('that cannot be parsed or read say nothing', () => {
    expect(files.look(reader({ 'brick.vol': 'volume' }))).toEqual({ bricks: [], sets: [] });
    expect(files.look(reader({}))).toEqual({ bricks: [], sets: [] });
  });

  it('add to what is known of a brick, and never to where it is', () => {
    const known = { bricks: [{ name: BRICK_PATH, listenPort: 1 }] };
    const { bricks = [] } = withNeighbours(known, 'shd', files.look(reader({ 'brick.vol': BRICK })));
    expect(bricks).toEqual([{ name: BRICK_PATH, listenPort: 1, watch: ['trusted.afr.vol1-'] }]);
    const { sets } = withNeighbours({}, 'brick', files.look(reader({ 'glustershd.vol': SHD })));
    expect(sets).toHaveLength(2);
  });
});
