import { describe, expect, it } from 'vitest';
import { brickFacts, healSets, portNumber } from '../../../src/volfile/facts.ts';
import { booleanOption, roleOf, topOf } from '../../../src/volfile/model.ts';
import { edit, graphOf, sample, VOLUME_ID } from './samples.ts';

describe('roleOf', () => {
  it.each([
    ['replica-brick.vol', 'brick'],
    ['arbiter-brick.vol', 'brick'],
    ['disperse-brick.vol', 'brick'],
    ['kadalu-brick.vol', 'brick'],
    ['replica-shd.vol', 'shd'],
    ['disperse-shd.vol', 'shd'],
    ['client.vol', 'client'],
  ])('takes %s for a %s', (name, role) => {
    expect(roleOf(graphOf(sample(name)))).toBe(role);
  });

  it('takes a lone translator for nothing it knows', () => {
    expect(roleOf(graphOf('volume a type debug/trace option k v end-volume'))).toBe('unknown');
  });
});

describe('brickFacts', () => {
  it('tells what clients and agent need of a brick', () => {
    expect(brickFacts(graphOf(sample('replica-brick.vol')))).toEqual({
      name: '/bricks/vol1/data/brick',
      serverName: 'vol1-server',
      listenPort: 24_007,
      directory: '/bricks/vol1/data/brick',
      volumeId: VOLUME_ID,
      authPath: '/bricks/vol1/data/brick',
      simpleQuota: true,
    });
  });

  it('knows the short name of the port, and that quota is passed through by default', () => {
    const text = edit(sample('kadalu-brick.vol'), 'option pass-through false', 'option use-backend off');
    expect(brickFacts(graphOf(text))).toMatchObject({ listenPort: 24_007, simpleQuota: false });
  });

  it('is undefined for anything else', () => {
    expect(brickFacts(graphOf(sample('client.vol')))).toBeUndefined();
  });
});

describe('healSets', () => {
  it('lists sets and children in order', () => {
    const sets = healSets(graphOf(sample('arbiter-shd.vol')));
    expect(sets.map(({ name, kind, healDaemon, arbiter }) => [name, kind, healDaemon, arbiter])).toEqual([
      ['vol1-replicate-0', 'replicate', true, true],
      ['vol1-replicate-1', 'replicate', true, true],
    ]);
    expect(sets[1]?.children[2]).toEqual({
      name: 'vol1-client-5',
      remoteHost: 'server-vol1-5-0.vol1',
      remoteSubvolume: '/bricks/vol1/data/brick',
      remotePort: 24_007,
      pendingName: 'vol1-client-5',
    });
  });

  it('knows disperse sets, and clients that are no daemons', () => {
    expect(healSets(graphOf(sample('disperse-shd.vol')))).toMatchObject([
      { name: 'ecvol-disperse-0', kind: 'disperse', healDaemon: true, arbiter: false },
    ]);
    expect(healSets(graphOf(sample('client.vol')))).toMatchObject([
      { healDaemon: false, children: [{ pendingName: 'vol1-client-0' }, { pendingName: 'vol1-client-1' }] },
    ]);
  });
});

describe('small readers', () => {
  it.each([
    ['24007', 24_007],
    ['65535', 65_535],
    ['65536', undefined],
    ['0', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['', undefined],
  ])('takes %j for port %s', (text, port) => {
    expect(portNumber(text)).toBe(port);
  });

  it.each([
    ['on', true],
    ['TRUE', true],
    ['enable', true],
    ['1', true],
    ['disable', false],
    ['0', false],
    ['maybe', true],
  ])('takes %j for %s, with true as the default', (word, value) => {
    const graph = graphOf(`volume a type x/y option k ${word} end-volume`);
    expect(booleanOption(topOf(graph), 'k', true)).toBe(value);
  });
});
