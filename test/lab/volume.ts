/** A Gluster volume without glusterd: bricks, self-heal daemon, clients and the ConfigMap that carries their volfiles. */
import { randomUUID } from 'node:crypto';
import { AgentError } from '../../src/lib/errors.ts';
import { Brick, brickVolfileName } from './brick.ts';
import { ConfigMap } from './config-map.ts';
import type { LabContext } from './context.ts';
import { HealDaemon, SHD_VOLFILE } from './heal-daemon.ts';
import { Mount, type MountOptions } from './mount.ts';
import {
  brickVolfile,
  clientName,
  clientVolfile,
  isArbiter,
  setName,
  shdVolfile,
  type BrickGraph,
  type TranslatorOptions,
  type VolumeGraph,
} from './volfiles.ts';

export interface VolumeSpec {
  name: string;
  type: VolumeGraph['type'];
  /** Bricks of one replica set: 2 or 3. Default 3. */
  bricks?: number;
  /** Sets of a distributed volume. Default 1: no distribute. */
  sets?: number;
  /** Disperse only. Default 2. */
  data?: number;
  /** Disperse only. Default 1. */
  redundancy?: number;
  /** Default true. */
  simpleQuota?: boolean;
  /** Whether start() starts a self-heal daemon. Default: yes, except for type `single`. */
  shd?: boolean;
  /** Changes of the volfiles by translator type, e.g. `{ 'features/simple-quota': { 'use-backend': 'true' } }`. */
  brickOptions?: TranslatorOptions;
  clientOptions?: TranslatorOptions;
  shdOptions?: TranslatorOptions;
}

export class Volume {
  readonly name: string;
  readonly volumeId: string = randomUUID();
  readonly bricks: readonly Brick[];
  /** The bricks by set: the copies or fragments of the same files. */
  readonly sets: readonly (readonly Brick[])[];
  readonly shd: HealDaemon;
  readonly configMap: ConfigMap;
  /** Path of the clients' volfile (FUSE, glfsheal). */
  readonly clientVolfile: string;
  /** Names of the replicate or disperse translators, one per set. */
  readonly setNames: readonly string[];
  readonly spec: Readonly<VolumeSpec>;
  readonly dir: string;
  readonly #context: LabContext;
  readonly #graph: VolumeGraph;
  #mounts = 0;

  private constructor(context: LabContext, spec: VolumeSpec, ports: readonly number[]) {
    this.#context = context;
    this.spec = spec;
    this.name = spec.name;
    this.dir = `${context.labDir}/${spec.name}`;
    this.configMap = new ConfigMap(`${this.dir}/config`);
    this.clientVolfile = this.configMap.path(`${spec.name}.vol`);
    this.#graph = this.#makeGraph(ports);
    this.setNames = this.#graph.sets.map((_, index) => setName(this.#graph, index));
    this.sets = this.#graph.sets.map((set) => set.bricks.map((graph) => this.#makeBrick(graph)));
    this.bricks = this.sets.flat();
    this.shd = new HealDaemon(context, `${this.dir}/shd`, this.configMap);
  }

  /** Prepares bricks and volfiles; starts nothing. */
  static async create(context: LabContext, spec: VolumeSpec): Promise<Volume> {
    const count = bricksPerSet(spec) * (spec.sets ?? 1);
    const ports: number[] = [];
    while (ports.length < count) ports.push(await context.nextPort());
    const volume = new Volume(context, spec, ports);
    await Promise.all(volume.bricks.map(async (brick) => brick.prepare()));
    await volume.configMap.swap(volume.#volfiles());
    return volume;
  }

  /** The word that Kadalu has for this type (`VOLUME_TYPE`). */
  get kadaluType(): string {
    const { type } = this.spec;
    if (type === 'single') return 'Replica1';
    if (type === 'replica') return `Replica${bricksPerSet(this.spec)}`;
    return type === 'arbiter' ? 'Arbiter' : 'Disperse';
  }

  get hasShd(): boolean {
    return this.spec.shd ?? this.spec.type !== 'single';
  }

  /** Data fragments (K) of a disperse set, 1 for other types. */
  get dataFragments(): number {
    return this.spec.type === 'disperse' ? (this.spec.data ?? DEFAULT_DATA) : 1;
  }

  /** @throws AgentError `NotFound` */
  brick(index: number): Brick {
    const brick = this.bricks[index];
    if (brick === undefined) throw new AgentError('NotFound', `volume ${this.name} has no brick ${index}`);
    return brick;
  }

  /** Starts the bricks and the self-heal daemon that do not run, and waits until they answer. */
  async start(): Promise<void> {
    await Promise.all(this.bricks.filter((brick) => !brick.running).map(async (brick) => brick.start()));
    if (this.hasShd && !this.shd.running) await this.shd.start();
  }

  /** Mounts the volume and waits until its root answers and all running bricks are connected. */
  async mount(options: MountOptions = {}): Promise<Mount> {
    this.#mounts += 1;
    const plan = {
      volfile: this.clientVolfile,
      dir: `${this.dir}/client-${this.#mounts}`,
      clients: this.#graph.sets.flatMap((set) => set.bricks.map(clientName)),
    };
    const mount = await Mount.start(this.#context, plan, options);
    if (this.bricks.every((brick) => brick.running)) await mount.waitConnected();
    return mount;
  }

  #makeGraph(ports: readonly number[]): VolumeGraph {
    const { spec } = this;
    const perSet = bricksPerSet(spec);
    const bricks = ports.map((port, index): BrickGraph => {
      const path = `${this.dir}/brick-${index}/brick`;
      return { volume: spec.name, volumeId: this.volumeId, index, path, port };
    });
    const sets = Array.from({ length: spec.sets ?? 1 }, (_, set) => ({
      bricks: bricks.slice(set * perSet, (set + 1) * perSet),
    }));
    return {
      name: spec.name,
      type: spec.type,
      sets,
      redundancy: spec.redundancy ?? DEFAULT_REDUNDANCY,
      simpleQuota: spec.simpleQuota ?? true,
      brickOptions: spec.brickOptions ?? {},
      clientOptions: spec.clientOptions ?? {},
      shdOptions: spec.shdOptions ?? {},
    };
  }

  #makeBrick(graph: BrickGraph): Brick {
    return new Brick(this.#context, {
      graph,
      dir: `${this.dir}/brick-${graph.index}`,
      isArbiter: isArbiter(this.#graph, graph.index),
      configMap: this.configMap,
    });
  }

  #volfiles(): Record<string, string> {
    const files: Record<string, string> = { [`${this.name}.vol`]: clientVolfile(this.#graph) };
    for (const set of this.#graph.sets) {
      for (const brick of set.bricks) files[brickVolfileName(brick.index)] = brickVolfile(this.#graph, brick);
    }
    if (this.spec.type !== 'single') files[SHD_VOLFILE] = shdVolfile(this.#graph);
    return files;
  }
}

/** The smallest disperse set that can lose a brick. */
const DEFAULT_DATA = 2;
const DEFAULT_REDUNDANCY = 1;

function bricksPerSet(spec: VolumeSpec): number {
  switch (spec.type) {
    case 'single':
      return 1;
    case 'replica':
      return spec.bricks ?? 3;
    case 'arbiter':
      return 3;
    case 'disperse':
      return (spec.data ?? DEFAULT_DATA) + (spec.redundancy ?? DEFAULT_REDUNDANCY);
  }
}
