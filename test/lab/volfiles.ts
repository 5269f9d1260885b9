/** The volfiles of a lab volume, written by hand in the order of glusterd's generator. */

export type Options = Record<string, string | number>;

/** Options added to (or, with the same name, put in place of) those of every translator of a type, by translator type. */
export type TranslatorOptions = Record<string, Options>;

export interface BrickGraph {
  volume: string;
  volumeId: string;
  index: number;
  path: string;
  port: number;
}

/** A fault domain: the bricks that hold copies or fragments of the same files. */
export interface BrickSet {
  bricks: BrickGraph[];
}

export interface VolumeGraph {
  name: string;
  type: 'single' | 'replica' | 'arbiter' | 'disperse';
  sets: BrickSet[];
  /** Bricks a Disperse set may lose; 0 for other types. */
  redundancy: number;
  simpleQuota: boolean;
  /** The names of replaced options end in this map, e.g. `{ 'protocol/server': {...} }`. */
  brickOptions: TranslatorOptions;
  clientOptions: TranslatorOptions;
  shdOptions: TranslatorOptions;
}

interface Translator {
  name: string;
  type: string;
  options: Options;
  subvolumes: string[];
}

/** The third brick of each set keeps no data. */
export function isArbiter(graph: VolumeGraph, index: number): boolean {
  return graph.type === 'arbiter' && index % 3 === 2;
}

export function brickVolfile(graph: VolumeGraph, brick: BrickGraph): string {
  const { volume, path } = brick;
  const stack: [suffix: string, type: string, options: Options][] = [
    ['posix', 'storage/posix', { directory: path, 'volume-id': brick.volumeId }],
  ];
  if (isArbiter(graph, brick.index)) stack.push(['arbiter', 'features/arbiter', {}]);
  stack.push(['access-control', 'features/access-control', {}], ['locks', 'features/locks', {}]);
  if (graph.simpleQuota) {
    // Pass-through is on by default; cmd-from-all-client is how Kadalu runs it.
    const options = { 'pass-through': 'false', 'cmd-from-all-client': 'true' };
    stack.push(['simple-quota', 'features/simple-quota', options]);
  }
  stack.push(
    ['io-threads', 'performance/io-threads', {}],
    ['index', 'features/index', indexOptions(graph, brick)],
    // Named like the brick: clients and the management socket address it by this name.
    ['', 'debug/io-stats', { 'unique-id': path, 'latency-measurement': 'off', 'count-fop-hits': 'off' }],
    ['server', 'protocol/server', serverOptions(brick)],
  );
  const translators: Translator[] = [];
  for (const [suffix, type, options] of stack) {
    const below = translators.at(-1);
    const name = suffix === '' ? path : `${volume}-${suffix}`;
    translators.push({ name, type, options, subvolumes: below ? [below.name] : [] });
  }
  return print(translators, graph.brickOptions);
}

/** The file of a client (FUSE, glfsheal). */
export function clientVolfile(graph: VolumeGraph): string {
  const translators = clusterTranslators(graph, {});
  const tops = setNames(graph);
  if (tops.length > 1) {
    translators.push({ name: `${graph.name}-dht`, type: 'cluster/distribute', options: {}, subvolumes: tops });
  }
  const top = translators.at(-1)?.name ?? '';
  translators.push({
    name: graph.name,
    type: 'debug/io-stats',
    options: { 'latency-measurement': 'off', 'count-fop-hits': 'off' },
    subvolumes: [top],
  });
  return print(translators, graph.clientOptions);
}

/** The file of the self-heal daemon: no distribute, all healers on (they are off by default). */
export function shdVolfile(graph: VolumeGraph): string {
  const healers = {
    'iam-self-heal-daemon': 'yes',
    'self-heal-daemon': 'on',
    ...(graph.type === 'disperse'
      ? {}
      : { 'data-self-heal': 'on', 'metadata-self-heal': 'on', 'entry-self-heal': 'on' }),
  };
  const translators = clusterTranslators(graph, healers);
  translators.push({ name: 'glustershd', type: 'debug/io-stats', options: {}, subvolumes: setNames(graph) });
  return print(translators, graph.shdOptions);
}

function indexOptions(graph: VolumeGraph, brick: BrickGraph): Options {
  const base = { 'index-base': `${brick.path}/.glusterfs/indices` };
  if (graph.type === 'disperse') return { ...base, 'xattrop64-watchlist': 'trusted.ec.dirty' };
  return {
    ...base,
    'xattrop-dirty-watchlist': 'trusted.afr.dirty',
    'xattrop-pending-watchlist': `trusted.afr.${graph.name}-`,
  };
}

function serverOptions(brick: BrickGraph): Options {
  return {
    'transport-type': 'tcp',
    'transport.address-family': 'inet',
    'transport.socket.bind-address': '127.0.0.1',
    'transport.socket.listen-port': brick.port,
    // Without it a SIGHUP with a changed volfile kills an 11.1 brick that has a client.
    'auth-path': brick.path,
    [`auth.addr.${brick.path}.allow`]: '*',
  };
}

/** Clients and, above them, one replicate or disperse translator per set. */
function clusterTranslators(graph: VolumeGraph, extra: Options): Translator[] {
  const translators: Translator[] = [];
  for (const [setIndex, set] of graph.sets.entries()) {
    const clients = set.bricks.map((brick) => clientTranslator(brick));
    translators.push(...clients);
    if (graph.type === 'single') continue;
    const subvolumes = clients.map(({ name }) => name);
    const name = setName(graph, setIndex);
    translators.push(
      graph.type === 'disperse'
        ? { name, type: 'cluster/disperse', options: { redundancy: graph.redundancy, ...extra }, subvolumes }
        : {
            name,
            type: 'cluster/replicate',
            options: { ...replicateOptions(graph, subvolumes), ...extra },
            subvolumes,
          },
    );
  }
  return translators;
}

function clientTranslator(brick: BrickGraph): Translator {
  return {
    name: clientName(brick),
    type: 'protocol/client',
    options: {
      'transport-type': 'tcp',
      'transport.address-family': 'inet',
      'remote-host': '127.0.0.1',
      // Given here, so that nobody asks a glusterd for it.
      'remote-port': brick.port,
      'remote-subvolume': brick.path,
      'ping-timeout': 42,
    },
    subvolumes: [],
  };
}

function replicateOptions(graph: VolumeGraph, subvolumes: string[]): Options {
  return {
    'afr-pending-xattr': subvolumes.join(','),
    'granular-entry-heal': 'on',
    ...(subvolumes.length > 2 ? { 'quorum-type': 'auto' } : {}),
    ...(graph.type === 'arbiter' ? { 'arbiter-count': 1 } : {}),
  };
}

export function clientName(brick: BrickGraph): string {
  return `${brick.volume}-client-${brick.index}`;
}

export function setName(graph: VolumeGraph, setIndex: number): string {
  if (graph.type === 'single') return `${graph.name}-client-${setIndex}`;
  return `${graph.name}-${graph.type === 'disperse' ? 'disperse' : 'replicate'}-${setIndex}`;
}

function setNames(graph: VolumeGraph): string[] {
  return graph.sets.map((_, index) => setName(graph, index));
}

function print(translators: Translator[], overrides: TranslatorOptions): string {
  const blocks = translators.map(({ name, type, options, subvolumes }) => {
    const lines = [`volume ${name}`, `    type ${type}`];
    for (const [key, value] of Object.entries({ ...options, ...overrides[type] }))
      lines.push(`    option ${key} ${value}`);
    if (subvolumes.length > 0) lines.push(`    subvolumes ${subvolumes.join(' ')}`);
    return [...lines, 'end-volume', ''].join('\n');
  });
  return blocks.join('\n');
}
