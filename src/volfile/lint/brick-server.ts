/** Rules about protocol/server, the top of a brick: what keeps a brick alive over a reload, and reachable. */
import { portNumber } from '../facts.ts';
import { booleanOption, isType, optionOf, topOf, type Graph, type Volume } from '../model.ts';
import { quote } from '../problem.ts';
import { perVolume, type Rule } from './rule.ts';

/** The top, when it is a server with something to serve; else VF016 says what is wrong. */
function servers(graph: Graph): Volume[] {
  const top = topOf(graph);
  return isType(top, 'protocol/server') && top.subvolumes.length > 0 ? [top] : [];
}

function onServer(check: Parameters<typeof perVolume>[1]): Rule['check'] {
  return perVolume(servers, check);
}

const noAuthPath = onServer((server) => {
  if (optionOf(server, 'auth-path') !== undefined || !booleanOption(server, 'dynamic-auth', true)) return undefined;
  return {
    message: `volume ${quote(server.name)} has no auth-path: a reload with a client connected kills the brick (SIGSEGV in protocol/server)`,
    remedy: `add "option auth-path ${server.subvolumes[0] ?? ''}", or "option dynamic-auth off"`,
  };
});

const foreignAuthPath = onServer((server) => {
  const path = optionOf(server, 'auth-path');
  if (path === undefined || server.subvolumes.includes(path)) return undefined;
  return {
    message: `auth-path ${quote(path)} of volume ${quote(server.name)} is not its subvolume: the rules of access would go to nobody`,
    remedy: `set it to ${server.subvolumes[0] ?? 'the subvolume'}`,
  };
});

const noAccessRule = onServer((server) => {
  const bare = server.subvolumes.find(
    (name) => !['addr', 'login'].some((module) => server.options.has(`auth.${module}.${name}.allow`)),
  );
  if (bare === undefined) return undefined;
  return {
    message: `nobody may connect: ${quote(bare)} has neither auth.addr.${bare}.allow nor auth.login.${bare}.allow`,
    remedy: `add "option auth.addr.${bare}.allow ..."`,
  };
});

const otherName = onServer((server, { expected }) => {
  const name = expected.brickName;
  if (name === undefined || server.subvolumes.includes(name)) return undefined;
  return {
    message: `the brick is named ${quote(server.subvolumes[0] ?? '')}, but clients know it as ${quote(name)}`,
    remedy: 'keep the name; it is part of every client volfile',
  };
});

const otherPort = onServer((server, { expected }) => {
  const text = optionOf(server, 'transport.socket.listen-port') ?? optionOf(server, 'listen-port');
  const port = portNumber(text);
  if (expected.listenPort === undefined || port === undefined || port === expected.listenPort) return undefined;
  return {
    message: `listen-port is ${port}, but clients and probes know ${expected.listenPort}`,
    remedy: 'keep the port; a running brick never moves to another',
  };
});

const highPortsRefused = onServer((server) => {
  const key = ['rpc-auth-allow-insecure', 'allow-insecure'].find((name) => !booleanOption(server, name, true));
  if (key === undefined) return undefined;
  return {
    message: `${key} is off: clients with a source port above 1023, this agent among them, are refused`,
    remedy: 'leave it on unless every client runs as root',
  };
});

const openToAll = onServer((server) => {
  const open = server.subvolumes.find((name) => optionOf(server, `auth.addr.${name}.allow`) === '*');
  const login = server.subvolumes.some((name) => server.options.has(`auth.login.${name}.allow`));
  const tls = booleanOption(server, 'transport.socket.ssl-enabled', false);
  if (open === undefined || login || tls) return undefined;
  return {
    message: `whoever reaches the port may do everything to ${quote(open)}`,
    remedy: 'restrict auth.addr or the network, or use TLS',
  };
});

const servesVolfiles = onServer((server) => {
  if (optionOf(server, 'volspec-directory') === undefined) return undefined;
  return {
    message: 'the brick hands out the volfiles of volspec-directory to whoever may connect',
    remedy: 'keep nothing secret there',
  };
});

export const BRICK_SERVER_RULES: readonly Rule[] = [
  { id: 'VF101', severity: 'error', roles: ['brick'], check: noAuthPath },
  { id: 'VF102', severity: 'error', roles: ['brick'], check: foreignAuthPath },
  { id: 'VF103', severity: 'error', roles: ['brick'], check: noAccessRule },
  { id: 'VF104', severity: 'error', roles: ['brick'], check: otherName },
  { id: 'VF105', severity: 'error', roles: ['brick'], check: otherPort },
  { id: 'VF106', severity: 'warning', roles: ['brick'], check: highPortsRefused },
  { id: 'VF107', severity: 'hint', roles: ['brick'], check: openToAll },
  { id: 'VF108', severity: 'hint', roles: ['brick'], check: servesVolfiles },
];
