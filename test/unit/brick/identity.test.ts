import { describe, expect, it } from 'vitest';
import { hasSysAdmin, isInitialUserNamespace, type BrickFacts } from '../../../src/brick/facts.ts';
import { judgeIdentity, type ExpectedBrick } from '../../../src/brick/identity.ts';
import { findMount, type MountEntry } from '../../../src/brick/mount-info.ts';

const ID = 'deadbeef-0000-4000-8000-000000000001';
const MOUNT: MountEntry = {
  mountPoint: '/bricks/a',
  device: '253:1',
  fsType: 'xfs',
  source: '/dev/sdb',
  access: 'readWrite',
};
const GOOD: BrickFacts = {
  directoryError: undefined,
  place: '64769:2',
  mount: MOUNT,
  volumeId: ID,
  volumeIdError: undefined,
  hasSysAdmin: true,
  isInitialUserNamespace: true,
  capacity: undefined,
  healthCheckAt: undefined,
};
const EXPECTED: ExpectedBrick = { path: '/bricks/a/brick', volumeId: ID, mountPoint: 'auto', place: undefined };

function verdict(facts: Partial<BrickFacts>, expected: Partial<ExpectedBrick> = {}): string[] {
  const identity = judgeIdentity({ ...GOOD, ...facts }, { ...EXPECTED, ...expected });
  const bad = identity.checks.filter((check) => check.status !== 'True');
  expect(identity.isOurs).toBe(bad.length === 0);
  return bad.map((check) => `${check.name} ${check.status} ${check.reason}`);
}

describe('judgeIdentity', () => {
  it('accepts our brick', () => {
    expect(verdict({})).toEqual([]);
    expect(verdict({}, { mountPoint: '/bricks/a', place: '64769:2' })).toEqual([]);
  });

  it.each<[string, Partial<BrickFacts>, Partial<ExpectedBrick>]>([
    ['volumeId False Different', { volumeId: 'deadbeef-0000-4000-8000-00000000000f' }, {}],
    ['volumeId False Absent', { volumeId: undefined }, {}],
    ['volumeId Unknown NotReadable', { volumeId: undefined, volumeIdError: 'it has 3 bytes instead of 16' }, {}],
    ['mount False OnRootFilesystem', { mount: { ...MOUNT, mountPoint: '/' } }, {}],
    ['mount False NotMounted', {}, { mountPoint: '/bricks/a/brick' }],
    ['device False Changed', {}, { place: '1:1' }],
    ['readWrite False ReadOnly', { mount: { ...MOUNT, access: 'readOnly' } }, {}],
    ['readWrite False ShutDown', { mount: { ...MOUNT, access: 'shutDown' } }, {}],
    ['capability False UserNamespace', { isInitialUserNamespace: false }, {}],
  ])('names what is wrong: %s', (expected, facts, expectation) => {
    expect(verdict(facts, expectation)).toEqual([expected]);
  });

  it('does not take an unseen volume-id for an absent one', () => {
    expect(verdict({ hasSysAdmin: false, volumeId: undefined })).toEqual([
      'capability False NoSysAdmin',
      'volumeId Unknown NotVisible',
    ]);
  });

  it('knows nothing of a directory that is not there', () => {
    const gone = { directoryError: 'does not exist', place: undefined, volumeId: undefined };
    expect(verdict(gone)).toEqual([
      'directory False NoDirectory',
      'device Unknown NoDirectory',
      'volumeId Unknown NotVisible',
    ]);
  });

  it('lets only "any" pass without mount information, and never for read-write', () => {
    expect(verdict({ mount: undefined })).toEqual(['mount Unknown NoMountInfo', 'readWrite Unknown NoMountInfo']);
    expect(verdict({ mount: undefined }, { mountPoint: 'any' })).toEqual(['readWrite Unknown NoMountInfo']);
  });
});

describe('findMount', () => {
  const text = [
    '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '30 22 253:1 / /bricks/a rw,relatime shared:1 - xfs /dev/sdb rw,attr2',
    '31 22 253:2 / /bricks/a\\040b rw,relatime - xfs /dev/sd\\134c ro',
    '32 22 253:3 / /bricks/ab rw - ext4 /dev/sdd rw',
    'garbage',
    '33 30 253:4 / /bricks/a ro,relatime - ext4 /dev/sde rw',
  ].join('\n');

  it('takes the longest mount point, and of equal ones the last', () => {
    expect(findMount(text, '/bricks/a/brick')).toMatchObject({ source: '/dev/sde', access: 'readOnly' });
    expect(findMount(text, '/bricks/abc')).toMatchObject({ source: '/dev/vda' });
    expect(findMount(text, '/bricks/ab')).toMatchObject({ source: '/dev/sdd', access: 'readWrite' });
  });

  it('reads escapes and a read-only file system under a read-write mount', () => {
    expect(findMount(text, '/bricks/a b/x')).toEqual({
      device: '253:2',
      mountPoint: '/bricks/a b',
      fsType: 'xfs',
      source: '/dev/sd\\c',
      access: 'readOnly',
    });
  });

  it.each([
    ['rw,relatime', 'rw,errors=remount-ro', 'readWrite'],
    ['rw,relatime', 'ro,errors=remount-ro', 'readOnly'],
    ['ro,relatime', 'rw', 'readOnly'],
    // ext4 of Linux 6.18 after an error, as it comes.
    ['rw,relatime', 'rw,errors=remount-ro,emergency_ro', 'readOnly'],
    ['rw,relatime', 'rw,shutdown', 'shutDown'],
  ])(
    'takes a file system that the kernel has made read-only, or shut down, for what it is: %s, %s',
    (mount, superBlock, access) => {
      const line = `41 26 7:0 / /bricks/a ${mount} - ext4 /dev/loop0 ${superBlock}`;
      expect(findMount(line, '/bricks/a/brick')).toMatchObject({ access });
    },
  );

  it('finds nothing in nothing', () => {
    expect(findMount('', '/x')).toBeUndefined();
  });
});

describe('capability', () => {
  it('reads bit 21 of CapEff', () => {
    expect(hasSysAdmin('CapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\n')).toBe(true);
    expect(hasSysAdmin('CapEff:\t00000000a80425fb\n')).toBe(false);
    expect(hasSysAdmin('Name:\tx\n')).toBeUndefined();
  });

  it('knows the initial user namespace by its identity map', () => {
    expect(isInitialUserNamespace('         0          0 4294967295\n')).toBe(true);
    expect(isInitialUserNamespace('         0     100000      65536\n')).toBe(false);
  });
});
