/**
 * Is this directory our brick? Kubernetes can give us an empty directory where a disk failed to mount, another volume's disk, or
 * a read-only one, and all of them look like a directory. Whatever is wrong or not known fences the brick.
 */
import type { ConditionStatus } from '../lib/conditions.ts';
import type { BrickFacts } from './facts.ts';

export interface ExpectedBrick {
  path: string;
  volumeId: string;
  /** An absolute path; `auto`: any mount but the root file system; `any`: not checked. */
  mountPoint: string;
  /** `device:inode` at the first check that found everything right; undefined before. */
  place: string | undefined;
}

export interface IdentityCheck {
  name: 'directory' | 'mount' | 'device' | 'capability' | 'volumeId' | 'readWrite';
  status: ConditionStatus;
  reason: string;
  /** One sentence, with the remedy when the status is not True. */
  message: string;
}

export interface BrickIdentity {
  /** True only when every check is True. */
  isOurs: boolean;
  checks: IdentityCheck[];
}

export function judgeIdentity(facts: BrickFacts, expected: ExpectedBrick): BrickIdentity {
  const checks = [
    judgeDirectory(facts, expected),
    judgeMount(facts, expected),
    judgeDevice(facts, expected),
    judgeCapability(facts),
    judgeVolumeId(facts, expected),
    judgeReadWrite(facts, expected),
  ];
  return { isOurs: checks.every((check) => check.status === 'True'), checks };
}

function judgeDirectory({ directoryError }: BrickFacts, { path }: ExpectedBrick): IdentityCheck {
  if (directoryError === undefined) {
    return { name: 'directory', status: 'True', reason: 'IsDirectory', message: `${path} is a directory` };
  }
  const message = `${path}: ${directoryError}; is the brick's volume mounted into this container at the same path?`;
  return { name: 'directory', status: 'False', reason: 'NoDirectory', message };
}

function judgeMount({ mount }: BrickFacts, { path, mountPoint }: ExpectedBrick): IdentityCheck {
  const name = 'mount';
  if (mountPoint === 'any') {
    return { name, status: 'True', reason: 'NotChecked', message: 'brickMount is "any": the mount is not checked' };
  }
  if (mount === undefined) {
    const message = '/proc/self/mountinfo does not tell on which mount the brick lies; is /proc mounted?';
    return { name, status: 'Unknown', reason: 'NoMountInfo', message };
  }
  const on = `${path} lies on ${mount.source} (${mount.fsType}), mounted at ${mount.mountPoint}`;
  if (mountPoint === 'auto' && mount.mountPoint === '/') {
    const message = `${on}: the root file system; mount the brick's own disk, or say brickMount: any if this is meant`;
    return { name, status: 'False', reason: 'OnRootFilesystem', message };
  }
  if (mountPoint !== 'auto' && mount.mountPoint !== mountPoint) {
    const message = `${on}, not at ${mountPoint}: the brick's disk is not mounted, or not visible in this container`;
    return { name, status: 'False', reason: 'NotMounted', message };
  }
  return { name, status: 'True', reason: 'Mounted', message: on };
}

function judgeDevice({ place }: BrickFacts, expected: ExpectedBrick): IdentityCheck {
  const name = 'device';
  if (place === undefined) {
    return { name, status: 'Unknown', reason: 'NoDirectory', message: 'the directory cannot be looked at' };
  }
  if (expected.place !== undefined && expected.place !== place) {
    const message = `${expected.path} was ${expected.place} and is now ${place} (device:inode): the disk was taken away or another was mounted; restart the pod when that was meant`;
    return { name, status: 'False', reason: 'Changed', message };
  }
  return { name, status: 'True', reason: 'Same', message: `device:inode is ${place}` };
}

/** Without the capability every `trusted.*` read says "not there": as if there were no volume-id and no quota. */
function judgeCapability({ hasSysAdmin, isInitialUserNamespace }: BrickFacts): IdentityCheck {
  const name = 'capability';
  if (hasSysAdmin === undefined || isInitialUserNamespace === undefined) {
    const message = '/proc/self does not tell our capabilities; is /proc mounted?';
    return { name, status: 'Unknown', reason: 'NoProc', message };
  }
  if (!hasSysAdmin) {
    const message = 'CAP_SYS_ADMIN is missing, so trusted.* xattrs look absent; add SYS_ADMIN to the container';
    return { name, status: 'False', reason: 'NoSysAdmin', message };
  }
  if (!isInitialUserNamespace) {
    const message = 'the container runs in a user namespace, where trusted.* xattrs look absent; set hostUsers: true';
    return { name, status: 'False', reason: 'UserNamespace', message };
  }
  return { name, status: 'True', reason: 'SysAdmin', message: 'trusted.* xattrs are visible' };
}

function judgeVolumeId(facts: BrickFacts, expected: ExpectedBrick): IdentityCheck {
  const name = 'volumeId';
  const { volumeId, volumeIdError } = facts;
  if (volumeId === expected.volumeId) {
    return { name, status: 'True', reason: 'Equal', message: `volume-id is ${volumeId}` };
  }
  if (volumeIdError !== undefined) {
    return { name, status: 'Unknown', reason: 'NotReadable', message: `volume-id cannot be read: ${volumeIdError}` };
  }
  if (volumeId !== undefined) {
    const message = `the brick's volume-id is ${volumeId}, configured is ${expected.volumeId}: this is another volume's brick`;
    return { name, status: 'False', reason: 'Different', message };
  }
  if (judgeCapability(facts).status !== 'True' || facts.directoryError !== undefined) {
    const message = 'no volume-id is seen, but it could not be seen either: see the other checks';
    return { name, status: 'Unknown', reason: 'NotVisible', message };
  }
  const message = `${expected.path} has no volume-id: it is not a brick, or its disk is not mounted; the agent never sets one`;
  return { name, status: 'False', reason: 'Absent', message };
}

function judgeReadWrite({ mount }: BrickFacts, { path }: ExpectedBrick): IdentityCheck {
  const name = 'readWrite';
  if (mount === undefined) {
    return { name, status: 'Unknown', reason: 'NoMountInfo', message: 'the mount of the brick is not known' };
  }
  if (mount.access === 'shutDown') {
    const message = `the file system at ${mount.mountPoint} was shut down and answers EIO: the kernel does that when it can no longer write what it must; see dmesg, repair, mount it anew`;
    return { name, status: 'False', reason: 'ShutDown', message };
  }
  if (mount.access === 'readOnly') {
    const message = `${path} is mounted read-only at ${mount.mountPoint}: after a disk error the kernel does that; see dmesg, repair, remount`;
    return { name, status: 'False', reason: 'ReadOnly', message };
  }
  return { name, status: 'True', reason: 'ReadWrite', message: 'mounted read-write' };
}
