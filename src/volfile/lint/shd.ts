/** Rules about a self-heal daemon, and about the bricks it and every other client names: one that runs, reports success and heals nothing is the fault to catch. */
import { portNumber } from '../facts.ts';
import {
  booleanOption,
  childrenOf,
  healVolumes,
  isType,
  optionOf,
  volumesOfType,
  type Graph,
  type Volume,
} from '../model.ts';
import { quote } from '../problem.ts';
import { perVolume, type Finding, type LintContext, type Rule } from './rule.ts';

function onHealers(check: (volume: Volume, graph: Graph) => Omit<Finding, 'at'> | undefined): Rule['check'] {
  return perVolume(healVolumes, (volume, _context, graph) => check(volume, graph));
}

const notDaemon = onHealers((volume) => {
  if (booleanOption(volume, 'iam-self-heal-daemon', false)) return undefined;
  return {
    message: `volume ${quote(volume.name)} is not told to heal, and a heal request would crash the process`,
    remedy: 'add "option iam-self-heal-daemon yes"',
  };
});

/** `data-self-heal open` means on, too. */
const healsNothing = onHealers((volume) => {
  if (!isType(volume, 'cluster/replicate')) return undefined;
  const off = ['data-self-heal', 'metadata-self-heal', 'entry-self-heal'].filter(
    (key) => !booleanOption(volume, key, false) && optionOf(volume, key) !== 'open',
  );
  if (off.length === 0) return undefined;
  return {
    message: `${off.join(', ')} of volume ${quote(volume.name)} off (the default): crawls end well and heal nothing`,
    remedy: `add ${off.map((key) => `"option ${key} on"`).join(', ')}`,
  };
});

const healingOff = onHealers((volume) => {
  if (booleanOption(volume, 'self-heal-daemon', true)) return undefined;
  return {
    message: `self-heal-daemon of volume ${quote(volume.name)} is off`,
    remedy: 'switch it on, or stop the daemon',
  };
});

const tooFew = onHealers((volume, graph) => {
  const count = childrenOf(graph, volume).length;
  if (isType(volume, 'cluster/replicate')) {
    if (count >= 2) return undefined;
    return { message: `volume ${quote(volume.name)} has ${count} replica`, remedy: 'name all bricks of the set' };
  }
  const redundancy = Number(optionOf(volume, 'redundancy') ?? 'NaN');
  if (Number.isSafeInteger(redundancy) && redundancy >= 1 && redundancy * 2 < count) return undefined;
  return {
    message: `volume ${quote(volume.name)} has ${count} bricks and redundancy ${optionOf(volume, 'redundancy') ?? 'unset'}`,
    remedy: 'redundancy is at least 1 and less than half of the bricks',
  };
});

function pendingNames(check: (names: number, replicas: number) => string | undefined): Rule['check'] {
  return onHealers((volume, graph) => {
    const pending = optionOf(volume, 'afr-pending-xattr');
    const count = childrenOf(graph, volume).length;
    const names = pending?.split(',').length ?? count;
    const what = check(names, count);
    if (what === undefined) return undefined;
    const message = `afr-pending-xattr of volume ${quote(volume.name)} names ${names} of ${count} replicas: ${what}`;
    return { message, remedy: 'name one for each, in their order' };
  });
}

/** 11.1 dies (SIGSEGV) when the first brick has answered, clients and self-heal daemons alike (measured). */
const tooFewNames = pendingNames((names, count) => (names < count ? 'the process crashes' : undefined));
const tooManyNames = pendingNames((names, count) => (names > count ? 'the last are ignored' : undefined));

function distributed(graph: Graph): Iterable<Finding> {
  return volumesOfType(graph, 'cluster/distribute')
    .values()
    .map((volume) => ({
      at: volume.at,
      message: `volume ${quote(volume.name)} distributes: a self-heal daemon works below that and heals all the same`,
      remedy: 'put the replica or disperse sets right below the top',
    }));
}

function unaddressed(graph: Graph): Iterable<Finding> {
  return volumesOfType(graph, 'protocol/client')
    .values()
    .flatMap((client) => {
      const missing = ['remote-host', 'remote-subvolume'].filter((key) => !client.options.has(key));
      if (missing.length === 0) return [];
      const message = `volume ${quote(client.name)} has no ${missing.join(' and no ')}`;
      return [{ at: client.at, message, remedy: 'name host and brick' }];
    });
}

function unported(graph: Graph): Iterable<Finding> {
  return volumesOfType(graph, 'protocol/client')
    .values()
    .filter((client) => portNumber(optionOf(client, 'remote-port')) === undefined)
    .map((client) => ({
      at: client.at,
      message: `volume ${quote(client.name)} has no remote-port: it asks port 24007 of the host for one`,
      remedy: 'add "option remote-port PORT"; there is no glusterd to ask',
    }));
}

function oneBrickTwice(graph: Graph): Iterable<Finding> {
  const seen = new Map<string, string>();
  return volumesOfType(graph, 'protocol/client')
    .values()
    .flatMap((client) => {
      const host = optionOf(client, 'remote-host');
      const brick = optionOf(client, 'remote-subvolume');
      if (host === undefined || brick === undefined) return [];
      const address = [host.toLowerCase(), optionOf(client, 'remote-port') ?? '', brick].join('\n');
      const first = seen.get(address);
      seen.set(address, first ?? client.name);
      if (first === undefined) return [];
      const message = `${quote(client.name)} and ${quote(first)} are the same brick: data would be its own copy`;
      return [{ at: client.at, message, remedy: 'give each its own brick' }];
    });
}

/** Without glusterd one port is one process, and one process is one brick: the other is refused ("Brick not found"). */
function onePortTwoBricks(graph: Graph): Iterable<Finding> {
  const first = new Map<string, { name: string; brick: string }>();
  return volumesOfType(graph, 'protocol/client')
    .values()
    .flatMap((client) => {
      const host = optionOf(client, 'remote-host');
      const brick = optionOf(client, 'remote-subvolume');
      const port = portNumber(optionOf(client, 'remote-port'));
      if (host === undefined || brick === undefined || port === undefined) return [];
      const address = `${host.toLowerCase()} ${port}`;
      const other = first.get(address);
      first.set(address, other ?? { name: client.name, brick });
      if (other === undefined || other.brick === brick) return [];
      const message = `${quote(client.name)} asks port ${port} of ${quote(host)} for ${quote(brick)}, but ${quote(other.name)} asks the same port for ${quote(other.brick)}: one of them is not there`;
      return [{ at: client.at, message, remedy: 'correct remote-host or remote-port of one' }];
    });
}

/** Bricks on several hosts may share a name, so one port of several that fits is enough. */
function portMismatch(graph: Graph, { expected }: LintContext): Finding[] {
  const clients = volumesOfType(graph, 'protocol/client');
  return (expected.bricks ?? []).flatMap(({ name, listenPort }) => {
    const ofBrick = clients.filter((client) => optionOf(client, 'remote-subvolume') === name);
    const ports = ofBrick.map((client) => portNumber(optionOf(client, 'remote-port')));
    const [first] = ofBrick;
    if (first === undefined || ports.includes(undefined) || ports.includes(listenPort)) return [];
    const message = `brick ${quote(name)} listens on ${listenPort}, but volume ${quote(first.name)} asks port ${ports[0]} for it`;
    return { at: first.at, message, remedy: 'let both name the same port' };
  });
}

/** Of the agent's own brick: a self-heal daemon heals what it is connected to, and clients reach what they name. */
function ownBrickMissing(graph: Graph, { expected: { brickName } }: LintContext): Finding[] {
  const clients = volumesOfType(graph, 'protocol/client');
  const [first] = clients;
  if (brickName === undefined || first === undefined) return [];
  if (clients.some((client) => optionOf(client, 'remote-subvolume') === brickName)) return [];
  const message = `none of the ${clients.length} clients asks for ${quote(brickName)}, the brick beside this process`;
  return [{ at: first.at, message, remedy: 'name it as remote-subvolume, as its own volfile does' }];
}

export const SHD_RULES: readonly Rule[] = [
  { id: 'VF201', severity: 'error', roles: ['shd'], check: notDaemon },
  { id: 'VF202', severity: 'error', roles: ['shd'], check: healsNothing },
  { id: 'VF203', severity: 'warning', roles: ['shd'], check: healingOff },
  { id: 'VF204', severity: 'error', roles: ['shd', 'client'], check: tooFew },
  { id: 'VF205', severity: 'error', roles: ['shd', 'client'], check: tooFewNames },
  { id: 'VF206', severity: 'warning', roles: ['shd'], check: distributed },
  { id: 'VF207', severity: 'error', roles: ['shd', 'client'], check: unaddressed },
  { id: 'VF208', severity: 'hint', roles: ['shd', 'client'], check: unported },
  { id: 'VF209', severity: 'error', roles: ['shd', 'client'], check: oneBrickTwice },
  { id: 'VF210', severity: 'warning', roles: ['shd', 'client'], check: portMismatch },
  { id: 'VF211', severity: 'warning', roles: ['shd', 'client'], check: ownBrickMissing },
  { id: 'VF213', severity: 'warning', roles: ['shd', 'client'], check: onePortTwoBricks },
  { id: 'VF214', severity: 'warning', roles: ['shd', 'client'], check: tooManyNames },
];
