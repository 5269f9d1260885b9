import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freezerFiles, parseCgroupPaths, parseFrozen, readFrozen } from '../../../src/process/freezer.ts';
import { haltOf } from '../../../src/process/halt.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

/** /proc/<pid>/cgroup as Linux 6.18 writes it: v1 with v2 beside it, v2 alone, and another container of the same pod. */
const HYBRID = '9:name=systemd:/\n6:freezer:/docker/f00\n4:memory:/docker/f00\n0::/docker/f00\n';
const V2 = '0::/kubepods.slice/pod-7/cri-containerd-abc.scope\n';
const SIBLING = '0::/../abc\n';

describe('parseCgroupPaths', () => {
  it.each([
    [HYBRID, '/docker/f00', '/docker/f00'],
    [V2, '/kubepods.slice/pod-7/cri-containerd-abc.scope', undefined],
    ['4:cpu,freezer:/a:b\n', undefined, '/a:b'],
    ['4:nofreezer:/x\n12:name=freezer-like:/y\n', undefined, undefined],
    ['', undefined, undefined],
    ['0::relative\n0:x:/y\ngarbage', undefined, undefined],
  ])('finds the groups in %j', (text, unified, freezer) => {
    expect(parseCgroupPaths(text)).toEqual({ unified, freezer });
  });
});

describe('freezerFiles', () => {
  it('looks below our mounts, and where the process has its own', () => {
    expect(freezerFiles(parseCgroupPaths(HYBRID), '/sys/fs/cgroup', '/proc/7/root')).toEqual([
      '/sys/fs/cgroup/docker/f00/cgroup.events',
      '/sys/fs/cgroup/unified/docker/f00/cgroup.events',
      '/proc/7/root/sys/fs/cgroup/cgroup.events',
      '/sys/fs/cgroup/freezer/docker/f00/freezer.state',
      '/proc/7/root/sys/fs/cgroup/freezer/freezer.state',
    ]);
  });

  it("never leaves our mounts for another container's group", () => {
    expect(freezerFiles(parseCgroupPaths(SIBLING), '/sys/fs/cgroup', '/proc/7/root')).toEqual([
      '/proc/7/root/sys/fs/cgroup/cgroup.events',
    ]);
  });
});

describe('parseFrozen', () => {
  it.each([
    ['populated 1\nfrozen 1\n', true],
    ['populated 1\nfrozen 0\n', false],
    ['populated 1\n', undefined],
    ['frozen 11\n', undefined],
    ['FROZEN\n', true],
    ['FREEZING\n', true],
    ['THAWED\n', false],
    ['NOT FROZEN\n', undefined],
    ['', undefined],
  ])('of %j says %s', (text, frozen) => {
    expect(parseFrozen(text)).toBe(frozen);
  });
});

describe('readFrozen', () => {
  let dir: TemporaryDirectory;

  beforeEach(() => {
    dir = new TemporaryDirectory('freezer');
    dir.mkdir('proc/7/root/sys/fs/cgroup');
    dir.mkdir('sys/unified/docker/f00');
    dir.mkdir('sys/freezer/docker/f00');
  });
  afterEach(() => dir[Symbol.dispose]());

  const read = async () => await readFrozen(7, `${dir.path}/proc`, `${dir.path}/sys`);

  it('believes either hierarchy', async () => {
    dir.write('proc/7/cgroup', HYBRID);
    dir.write('sys/unified/docker/f00/cgroup.events', 'populated 1\nfrozen 0\n');
    expect(await read()).toBe(false);
    dir.write('sys/freezer/docker/f00/freezer.state', 'FROZEN\n');
    expect(await read()).toBe(true);
  });

  it("asks the process's own mount where ours does not show it, as in a pod", async () => {
    dir.write('proc/7/cgroup', SIBLING);
    expect(await read()).toBeUndefined();
    dir.write('proc/7/root/sys/fs/cgroup/cgroup.events', 'populated 1\nfrozen 1\n');
    expect(await read()).toBe(true);
  });

  it('does not know of a process that is gone, or of a root group, which has no such file', async () => {
    expect(await read()).toBeUndefined();
    dir.write('proc/7/cgroup', '0::/\n');
    expect(await read()).toBeUndefined();
  });
});

describe('haltOf', () => {
  it.each([
    [{ state: 'T' }, 'Stopped'],
    [{ state: 't', isFrozen: false }, 'Stopped'],
    [{ state: 'S', isFrozen: true }, 'Frozen'],
    [{ state: 'D', isFrozen: true }, 'Frozen'],
    // A signal to go on does nothing there.
    [{ state: 'T', isFrozen: true }, 'Frozen'],
    [{ state: 'S', isFrozen: undefined }, undefined],
    [{ state: 'D', isFrozen: false }, undefined],
  ])('of %j says %s', (process, halt) => {
    expect(haltOf(process)).toBe(halt);
  });
});
