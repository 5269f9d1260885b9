/** Rules about what a brick stores where, and about the translators without which it works only in part. */
import { booleanOption, optionOf, parseBoolean, topOf, volumesOfType, type Graph } from '../model.ts';
import { quote } from '../problem.ts';
import { isWithin, perVolume, samePath, type Finding, type LintContext, type Rule } from './rule.ts';

function onEach(type: string, check: Parameters<typeof perVolume>[1]): Rule['check'] {
  return perVolume((graph) => volumesOfType(graph, type), check);
}

/** A finding at the top when the graph has no volume of the type. */
function required(type: string, message: string, remedy: string): (graph: Graph) => Finding[] {
  return (graph) => (volumesOfType(graph, type).length > 0 ? [] : [{ at: topOf(graph).at, message, remedy }]);
}

const otherDirectory = onEach('storage/posix', (posix, { expected }) => {
  const directory = optionOf(posix, 'directory');
  if (directory === undefined) {
    return { message: `volume ${quote(posix.name)} has no directory`, remedy: 'add "option directory PATH"' };
  }
  if (expected.directory === undefined || samePath(directory, expected.directory)) return undefined;
  return {
    message: `directory is ${quote(directory)}, but this brick lies in ${quote(expected.directory)}`,
    remedy: 'correct it; a brick that serves another directory mixes up data',
  };
});

const otherVolumeId = onEach('storage/posix', (posix, { expected }) => {
  const id = optionOf(posix, 'volume-id');
  if (id === undefined || expected.volumeId === undefined) return undefined;
  if (id.toLowerCase() === expected.volumeId.toLowerCase()) return undefined;
  return {
    message: `volume-id is ${quote(id)}, but this brick belongs to ${quote(expected.volumeId)}`,
    remedy: 'correct it; the brick would refuse to start',
  };
});

const noVolumeId = onEach('storage/posix', (posix) => {
  if (posix.options.has('volume-id')) return undefined;
  return {
    message: `volume ${quote(posix.name)} has no volume-id: the brick would start on an unmounted directory`,
    remedy: 'add "option volume-id UUID"',
  };
});

const noHealthCheck = onEach('storage/posix', (posix) => {
  if (!/^0+$/.test(optionOf(posix, 'health-check-interval') ?? '30')) return undefined;
  return {
    message: 'health-check-interval is 0: a failed disk is never noticed',
    remedy: 'set it to 30 or leave it out',
  };
});

const noReserve = onEach('storage/posix', (posix) => {
  if (!/^0+%?$/.test(optionOf(posix, 'reserve') ?? '1')) return undefined;
  return { message: 'reserve is 0: clients can fill the disk to the last block', remedy: 'leave it at 1 %' };
});

const noGfidPath = onEach('storage/posix', (posix) => {
  if (booleanOption(posix, 'gfid2path', true)) return undefined;
  return { message: 'gfid2path is off: the names of files that need healing cannot be shown', remedy: 'leave it on' };
});

const strayIndexBase = onEach('features/index', (index, context, graph) => {
  const base = optionOf(index, 'index-base');
  if (base === undefined) {
    const remedy = 'add "option index-base BRICK/.glusterfs/indices"';
    return {
      message: `volume ${quote(index.name)} has no index-base; its default is a template that does not work`,
      remedy,
    };
  }
  const directory = context.expected.directory ?? directoryOf(graph);
  if (directory === undefined || isWithin(base, `${directory}/.glusterfs`)) return undefined;
  return {
    message: `index-base ${quote(base)} does not lie in the .glusterfs of ${quote(directory)}`,
    remedy: 'the index is made of links and must lie on the brick',
  };
});

function directoryOf(graph: Graph): string | undefined {
  const [posix] = volumesOfType(graph, 'storage/posix');
  return posix && optionOf(posix, 'directory');
}

/** Kept out of brick directories of others: these options hold the brick's path as well. */
const BRICK_PATHS: readonly (readonly [type: string, key: string])[] = [
  ['features/changelog', 'changelog-brick'],
  ['features/changelog', 'changelog-dir'],
  ['features/bitrot-stub', 'export'],
  ['features/trash', 'brick-path'],
];

function strayPath(graph: Graph, { expected }: LintContext): Iterable<Finding> {
  const directory = expected.directory ?? directoryOf(graph);
  if (directory === undefined) return [];
  return BRICK_PATHS.values().flatMap(([type, key]) =>
    volumesOfType(graph, type)
      .values()
      .flatMap((volume) => {
        const entry = volume.options.get(key);
        if (entry === undefined || isWithin(entry.value, directory)) return [];
        const message = `${key} ${quote(entry.value)} of volume ${quote(volume.name)} does not lie in ${quote(directory)}`;
        return [{ at: entry.at, message, remedy: 'let it name this brick' }];
      }),
  );
}

/** Their defaults are templates (`{{ brick.path }}`) that nobody fills in: with any of them the brick ends at its start (11.1). */
function missingPath(graph: Graph): Iterable<Finding> {
  return BRICK_PATHS.values().flatMap(([type, key]) =>
    volumesOfType(graph, type)
      .values()
      .filter((volume) => !volume.options.has(key))
      .map((volume) => ({
        at: volume.at,
        message: `volume ${quote(volume.name)} has no ${key}; its default is a template that no brick starts with`,
        remedy: `add "option ${key} PATH" with a path on this brick`,
      })),
  );
}

function readOnly(graph: Graph): Iterable<Finding> {
  const switches = [
    ['features/read-only', 'read-only'],
    ['features/worm', 'worm'],
  ] as const;
  return switches.values().flatMap(([type, key]) =>
    volumesOfType(graph, type)
      .values()
      .filter((volume) => parseBoolean(optionOf(volume, key) ?? 'off') === true)
      .map((volume) => ({
        at: volume.at,
        message: `${key} is on: clients cannot change files on this brick`,
        remedy: 'switch it off unless that is wanted',
      })),
  );
}

const quotaMissing = required(
  'features/simple-quota',
  'there is no features/simple-quota: limits are recorded and never enforced',
  'put it above features/locks, with "option pass-through false"',
);

/** GlusterFS 10 has none to offer. */
function noQuota(graph: Graph, { gluster }: LintContext): Finding[] {
  return gluster === '10' ? [] : quotaMissing(graph);
}

const quotaPassThrough = onEach('features/simple-quota', (quota) => {
  if (!booleanOption(quota, 'pass-through', true)) return undefined;
  return {
    message: `volume ${quote(quota.name)} is passed through (the default): limits are recorded and never enforced`,
    remedy: 'add "option pass-through false"',
  };
});

const quotaCommands = onEach('features/simple-quota', (quota) => {
  if (!booleanOption(quota, 'cmd-from-all-client', false)) return undefined;
  return {
    message: 'cmd-from-all-client is on: the df of any client writes the usage that is not written yet',
    remedy: 'leave it off where usage is pushed',
  };
});

const noCounters = onEach('debug/io-stats', (stats) => {
  const off = ['latency-measurement', 'count-fop-hits'].filter((key) => !booleanOption(stats, key, false));
  if (off.length === 0) return undefined;
  return {
    message: `${off.join(' and ')} off: no latencies or counts of operations`,
    remedy: 'switch them on for metrics',
  };
});

const noIndex = required(
  'features/index',
  'there is no features/index: what needs healing is never noted',
  'add it unless the volume has neither replicas nor redundancy',
);
const noLocks = required('features/locks', 'there is no features/locks: replicas cannot agree', 'add it');
const noIoThreads = required(
  'performance/io-threads',
  'there is no performance/io-threads: one slow operation holds up all',
  'add it',
);

export const BRICK_STORAGE_RULES: readonly Rule[] = [
  { id: 'VF120', severity: 'error', roles: ['brick'], check: otherDirectory },
  { id: 'VF121', severity: 'error', roles: ['brick'], check: otherVolumeId },
  { id: 'VF122', severity: 'warning', roles: ['brick'], check: noVolumeId },
  { id: 'VF123', severity: 'warning', roles: ['brick'], check: noHealthCheck },
  { id: 'VF124', severity: 'warning', roles: ['brick'], check: noReserve },
  { id: 'VF125', severity: 'hint', roles: ['brick'], check: noGfidPath },
  { id: 'VF126', severity: 'warning', roles: ['brick'], check: strayPath },
  { id: 'VF127', severity: 'warning', roles: ['brick'], check: readOnly },
  { id: 'VF128', severity: 'error', roles: ['brick'], check: missingPath },
  { id: 'VF130', severity: 'warning', roles: ['brick'], check: noIndex },
  { id: 'VF132', severity: 'error', roles: ['brick'], check: strayIndexBase },
  { id: 'VF133', severity: 'warning', roles: ['brick'], check: noLocks },
  { id: 'VF134', severity: 'hint', roles: ['brick'], check: noIoThreads },
  { id: 'VF140', severity: 'warning', roles: ['brick'], check: noQuota },
  { id: 'VF141', severity: 'warning', roles: ['brick'], check: quotaPassThrough },
  { id: 'VF142', severity: 'hint', roles: ['brick'], check: quotaCommands },
  { id: 'VF150', severity: 'hint', roles: ['brick'], check: noCounters },
];
