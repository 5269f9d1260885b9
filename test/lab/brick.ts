/** One brick "pod": a glusterfsd with its own run directory, exactly as an agent finds it. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { getAttributeSync, setAttributeSync } from 'fs-xattr';
import { gfidToBytes } from '../../src/lib/gfid.ts';
import type { ConfigMap } from './config-map.ts';
import type { LabContext } from './context.ts';
import { Daemon, podPlaces, probeConnect } from './daemon.ts';
import type { BrickGraph } from './volfiles.ts';

export interface BrickPlan {
  graph: BrickGraph;
  /** The pod's folder. */
  dir: string;
  isArbiter: boolean;
  configMap: ConfigMap;
}

export class Brick extends Daemon {
  /** Position in the volume, from 0. */
  readonly index: number;
  /** The backend directory. */
  readonly path: string;
  /** Name of the volume below protocol/server; glusterd and Kadalu use the path. */
  readonly name: string;
  readonly port: number;
  readonly isArbiter: boolean;
  /** File name in the ConfigMap. */
  readonly volfileName: string;
  /** Path of the volfile, through the ConfigMap's links. */
  readonly volfile: string;
  /** Identity that glfsheal's XML shows as hostUuid. */
  readonly nodeUuid: string = randomUUID();
  readonly #volumeId: string;

  constructor(context: LabContext, plan: BrickPlan) {
    super(context, `brick ${plan.graph.path}`, podPlaces(plan.dir, 'brick'));
    this.index = plan.graph.index;
    this.path = plan.graph.path;
    this.name = plan.graph.path;
    this.port = plan.graph.port;
    this.isArbiter = plan.isArbiter;
    this.volfileName = brickVolfileName(plan.graph.index);
    this.volfile = plan.configMap.path(this.volfileName);
    this.#volumeId = plan.graph.volumeId;
  }

  /** What glusterd or Kadalu's start script do before the first start; harmless when done again. */
  async prepare(): Promise<void> {
    // The index translator refuses to start without .glusterfs.
    await mkdir(`${this.path}/.glusterfs/indices`, { recursive: true });
    setAttributeSync(this.path, 'trusted.glusterfs.volume-id', gfidToBytes(this.#volumeId));
  }

  /** Dies, and comes back as on a new disk: what a brick needs to start is there, and nothing else. */
  async wipe(): Promise<void> {
    await this.kill('SIGKILL');
    for (const name of await readdir(this.path)) await rm(`${this.path}/${name}`, { recursive: true });
    await mkdir(`${this.path}/.glusterfs`);
    await this.start();
  }

  /** An xattr on the backend; `path` is relative to the brick. Undefined when it is not there. */
  xattr(path: string, name: string): Buffer | undefined {
    try {
      return getAttributeSync(`${this.path}/${path}`, name);
    } catch (error) {
      if (error instanceof Error && 'errno' in error && error.errno === ENODATA) return undefined;
      throw error;
    }
  }

  protected override command(): string[] {
    const files = ['-f', this.volfile, '-S', this.socket, '-p', this.pidFile, '-l', this.logFile];
    const names = ['--brick-name', this.path, '--brick-port', String(this.port)];
    return ['glusterfsd', '-N', ...files, ...names, '--xlator-option', `*-posix.glusterd-uuid=${this.nodeUuid}`];
  }

  protected override async probe(): Promise<void> {
    await probeConnect({ host: '127.0.0.1', port: this.port });
    await probeConnect({ path: this.socket });
  }
}

/** fs-xattr throws with the positive errno; the same number on all Linux architectures that Node runs on. */
const ENODATA = 61;

export function brickVolfileName(index: number): string {
  return `brick-${index}.vol`;
}
