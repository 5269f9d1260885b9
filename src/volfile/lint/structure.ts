/** Rules about the graph as such, whatever it is for. */
import { healVolumes, isType, reachableFrom, topOf, volumesOfType, type Graph } from '../model.ts';
import { quote } from '../problem.ts';
import { perVolume, type Finding, type LintContext, type Rule } from './rule.ts';

function duplicateOptions(graph: Graph): Iterable<Finding> {
  return graph.volumes.values().flatMap((volume) =>
    volume.overridden.values().map(({ key, at }) => ({
      at,
      message: `option ${quote(key)} of volume ${quote(volume.name)} stands again further down: this one is ignored`,
      remedy: 'keep one',
    })),
  );
}

function unreachable(graph: Graph): Iterable<Finding> {
  const top = topOf(graph);
  const reachable = reachableFrom(graph, top);
  return graph.volumes
    .values()
    .filter((volume) => !reachable.has(volume.name))
    .map((volume) => ({
      at: volume.at,
      message: `volume ${quote(volume.name)} is not below the last one, ${quote(top.name)}: the process starts it and nobody uses it`,
      remedy: 'name it as a subvolume, or remove it',
    }));
}

function sharedSubvolume(graph: Graph): Iterable<Finding> {
  const parents = new Map<string, string>();
  const shared = new Set<string>();
  for (const { name: parent, subvolumes } of graph.volumes) {
    for (const name of subvolumes) {
      const first = parents.get(name);
      if (first === undefined) parents.set(name, parent);
      else if (first !== parent) shared.add(name);
    }
  }
  return graph.volumes
    .values()
    .filter((volume) => shared.has(volume.name))
    .map((volume) => ({
      at: volume.at,
      message: `volume ${quote(volume.name)} is a subvolume of several others`,
      remedy: 'give each volume one parent',
    }));
}

function repeatedSubvolume(graph: Graph): Iterable<Finding> {
  return graph.volumes
    .values()
    .filter(({ subvolumes }) => subvolumes.length > 1)
    .filter((volume) => new Set(volume.subvolumes).size < volume.subvolumes.length)
    .map((volume) => ({
      at: volume.at,
      message: `volume ${quote(volume.name)} names a subvolume twice`,
      remedy: 'name each once',
    }));
}

/** The type becomes a path that the process loads code from. */
const TYPE_FORM = /^[a-z0-9][a-z0-9_-]*\/[a-z0-9][a-z0-9_-]*$/;

function oddType(graph: Graph): Iterable<Finding> {
  return graph.volumes
    .values()
    .filter((volume) => !TYPE_FORM.test(volume.type))
    .map((volume) => ({
      at: volume.at,
      message: `type ${quote(volume.type)} of volume ${quote(volume.name)} is not of the form category/name`,
      remedy: 'GlusterFS loads code from this path; write the name of a translator',
    }));
}

const missingType = perVolume(
  ({ volumes }) => volumes,
  (volume, { xlators, gluster }) => {
    if (xlators !== undefined && !xlators.has(volume.type)) {
      return {
        message: `type ${quote(volume.type)} of volume ${quote(volume.name)} is not installed beside this process`,
        remedy: 'correct it, or install the translator',
      };
    }
    if (xlators === undefined && gluster === '10' && isType(volume, 'features/simple-quota')) {
      return { message: 'GlusterFS 10 has no features/simple-quota', remedy: 'upgrade to 11, or remove it' };
    }
    return undefined;
  },
);

function wrongRole(graph: Graph, { role }: LintContext): Finding[] {
  const top = topOf(graph);
  const isBrick = isType(top, 'protocol/server');
  if (role === 'brick' && (!isBrick || top.subvolumes.length === 0)) {
    const message = `this is no brick: the last volume, ${quote(top.name)}, is not a protocol/server above one`;
    return [{ at: top.at, message, remedy: 'mount the file of the brick under this name' }];
  }
  if (role === 'shd' && (isBrick || healVolumes(graph).length === 0)) {
    const message = 'this is no self-heal daemon: it has neither cluster/replicate nor cluster/disperse';
    return [{ at: top.at, message, remedy: 'mount the file of the self-heal daemon under this name' }];
  }
  if (role === 'client' && (isBrick || volumesOfType(graph, 'protocol/client').length === 0)) {
    const message = 'this is no client: it has no protocol/client, or a protocol/server on top';
    return [{ at: top.at, message, remedy: 'name the bricks in volumes of type protocol/client' }];
  }
  return [];
}

export const STRUCTURE_RULES: readonly Rule[] = [
  { id: 'VF010', severity: 'warning', check: duplicateOptions },
  { id: 'VF011', severity: 'error', check: unreachable },
  { id: 'VF012', severity: 'warning', check: sharedSubvolume },
  { id: 'VF013', severity: 'error', check: repeatedSubvolume },
  { id: 'VF014', severity: 'error', check: oddType },
  { id: 'VF015', severity: 'error', check: missingType },
  { id: 'VF016', severity: 'error', check: wrongRole },
];
