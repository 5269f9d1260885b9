/** One PV on real bricks, beside its model: what is done to it, and what must be true at a rest point. */
import { execFile } from 'node:child_process';
import { appendFile, chmod, link, mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SIZE_XATTR } from '../../src/brick/quota-xattrs.ts';
import type { LabAgent } from '../lab/agent.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import type { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import { createPv, type Pv } from '../lab/pv.ts';
import type { Volume } from '../lab/volume.ts';
import { writeUntilError } from '../lab/write.ts';
import { quotaOf, startAgain, waitLimit } from './agents.ts';
import { PvModel, type PvOperation } from './quota-model.ts';

const CHUNK = 64 * 1024;
const MiB = 1024 * 1024;
/** For how long the kernel believes a name, in seconds: until then the client asks a new brick process by bare gfid. Its default is 1. */
const NAMES_BELIEVED_S = 0.1;
/** The client's own view of that is a little late. */
const NAMES_FORGOTTEN_MS = NAMES_BELIEVED_S * 1000 + 100;
/** For an audit that is clean: a start of a brick is over for its peers after 15 s, what waits for that is tried every 10 s, and an adoption takes a few. */
const AUDIT_DEADLINE_MS = 60_000;
/** Between two requests to heal what a crawl has left, in milliseconds. */
const HEAL_AGAIN_MS = 4_000;

/** Mount options of a client whose names are soon forgotten. */
export const FORGETFUL = [`--entry-timeout=${NAMES_BELIEVED_S}`, `--attribute-timeout=${NAMES_BELIEVED_S}`];

/** What agents of such a test do more often than by default, so that it waits for less. */
export const OFTEN = {
  BRICK_AGENT_QUOTA_VERIFY_INTERVAL_MS: '1000',
  BRICK_AGENT_QUOTA_GUARD_INTERVAL_MS: '500',
  BRICK_AGENT_QUOTA_AUDIT_INTERVAL_MS: '2000',
  BRICK_AGENT_HEAL_INTERVAL_MS: '500',
  BRICK_AGENT_PEER_INTERVAL_MS: '500',
};

export interface World {
  lab: Lab;
  volume: Volume;
  client: Mount;
  /** Beside the bricks, in their order; one that was killed is replaced by the next. */
  agents: LabAgent[];
}

export class Subject {
  readonly #world: World;
  readonly #pv: Pv;
  readonly #model: PvModel;
  /** Whether its limits are set through the API of all agents, or of the first alone, whom the others follow. */
  readonly #isSetOnAll: boolean;
  /** Something happened since the last rest point after which the agents have to put their bricks right first. */
  #isDisturbed = false;
  /** What the agents knew of the bricks' memory has to be found anew. */
  #isUnproven = false;
  /** Copies may differ. */
  #isUnhealed = false;
  /** A tenant has played a trick: enforcement is right again within a pass, not at once. */
  #isTricked = false;
  #isFaked = false;
  /** The brick that is down. */
  #down: number | undefined;

  private constructor(world: World, pv: Pv, limitBytes: number, isSetOnAll: boolean) {
    this.#world = world;
    this.#pv = pv;
    this.#model = new PvModel(limitBytes);
    this.#isSetOnAll = isSetOnAll;
  }

  static async create(world: World, name: string, limitBytes: number, isSetOnAll: boolean): Promise<Subject> {
    const pv = await createPv(world.client, name, undefined);
    await chmod(pv.path, 0o777);
    const subject = new Subject(world, pv, limitBytes, isSetOnAll);
    await subject.#setLimit(limitBytes);
    await waitLimit(world.lab, world.agents, name, limitBytes);
    return subject;
  }

  async apply(operation: PvOperation): Promise<void> {
    switch (operation.kind) {
      case 'resize':
        return await this.#setLimit(this.#isUnhealed ? Math.max(operation.bytes, this.#roomyLimit()) : operation.bytes);
      case 'restart':
      case 'crash':
        return await this.#restart([this.#brickOf(operation)], operation.kind === 'crash');
      case 'down':
        return await this.#takeDown(this.#brickOf(operation));
      case 'wipe':
        return await this.#wipe(this.#brickOf(operation));
      case 'kill-agent':
        return await this.#killAgent(this.#brickOf(operation));
      case 'switch-off':
        await this.#bringUp();
        this.#isTricked = true;
        return await this.#asTenant('glusterfs.quota.disable-check', '1');
      case 'fake-usage':
        // A brick that misses it gets a metadata heal of the PV's directory, which quota-heal-loop.test.ts is about.
        await this.#bringUp();
        this.#isTricked = true;
        this.#isFaked = true;
        return await this.#asTenant('glusterfs.quota.total-usage', String(operation.bytes));
      case 'mkdir': {
        const name = this.#model.newName(operation.at);
        await mkdir(this.#path(name));
        this.#model.directories.push(name);
        return;
      }
      case 'create': {
        if (!this.#model.hasRoom(operation.bytes)) return;
        const name = this.#model.newName(operation.at);
        await this.#write(this.#path(name), 0, async (path) => await writeFile(path, Buffer.alloc(operation.bytes, 1)));
        this.#model.names.set(name, { bytes: operation.bytes });
        return;
      }
      case 'append':
      case 'overwrite':
      case 'truncate':
      case 'rename':
      case 'move':
      case 'link':
      case 'unlink':
        return await this.#change(operation);
    }
  }

  /** All copies equal, usage to the byte on every brick, and a writer that is stopped at the limit. */
  async rest(): Promise<void> {
    const { lab, agents } = this.#world;
    await this.#heal();
    const { limitBytes, countedBytes } = this.#model;
    await waitLimit(lab, agents, this.#pv.name, limitBytes);
    await this.#audited();
    await Promise.all(agents.map(async (_agent, index) => await this.#expectCounter(index, countedBytes)));
    this.#isDisturbed = false;
    await this.#expectStopped(limitBytes - countedBytes);
    // Once it was told a usage, a brick of 11.1 does not add up by itself until it is another process.
    if (this.#isFaked) await this.#restart([...agents.keys()], false);
  }

  /**
   * By an audit that began after now. What a heal has brought to a running brick may be outside of its PV there until its agent has it adopted, which
   * waits until clients are back (15 s after a start).
   */
  async #audited(): Promise<void> {
    if (!this.#isUnproven) return;
    const { lab, agents } = this.#world;
    const since = Date.now();
    let last: string[] = [];
    await lab
      .waitFor(
        `the audit of ${this.#pv.name}`,
        async () => {
          const quotas = await Promise.all(agents.map(async (agent) => await quotaOf(agent, this.#pv.name)));
          const found = quotas.map((quota) => ({
            enforced: quota?.status.conditions.find(({ type }) => type === 'Enforced'),
            adoption: quota?.status.adoption,
          }));
          last = found.map(({ enforced, adoption }) => {
            const { status, reason, message } = enforced ?? {};
            return `${status} ${reason}: ${message} (${adoption?.state} ${adoption?.message})`;
          });
          return found.every(({ enforced }) => enforced?.reason === 'Audited' && auditedAt(enforced.message) >= since);
        },
        { timeoutMs: AUDIT_DEADLINE_MS },
      )
      .catch((error: unknown) => {
        throw new Error(`not enforced: ${last.join('; ')}`, { cause: error });
      });
    this.#isUnproven = false;
  }

  /** One brick at a time: as an operator waits until a brick is healed, and what it holds is limited, before the next one goes. */
  async #settled(): Promise<void> {
    if (this.#world.volume.bricks.length === 1) return;
    await this.#heal();
    await this.#audited();
  }

  async #setLimit(bytes: number): Promise<void> {
    const { lab, agents } = this.#world;
    const asked = this.#isSetOnAll ? [...agents.keys()] : [0];
    for (const index of asked) {
      await lab.waitFor(`limit ${bytes} to be taken by agent ${index}`, async () => {
        const { status } = await this.#agent(index).api('PUT', `/v1/quotas/${this.#pv.name}`, {
          limitBytes: String(bytes),
        });
        return status < 300;
      });
    }
    this.#model.limitBytes = bytes;
  }

  async #change(operation: Extract<PvOperation, { file: number }>): Promise<void> {
    const name = this.#model.name(operation.file);
    if (name === undefined) return;
    const path = this.#path(name);
    const file = this.#model.file(name);
    const { names } = this.#model;
    switch (operation.kind) {
      case 'append':
        if (!this.#model.hasRoom(operation.bytes)) return;
        await this.#write(path, file.bytes, async () => await appendFile(path, Buffer.alloc(operation.bytes, 2)));
        file.bytes += operation.bytes;
        return;
      case 'overwrite':
        if (!this.#model.hasRoom(operation.bytes)) return;
        await this.#write(path, 0, async () => await writeFile(path, Buffer.alloc(operation.bytes, 3)));
        file.bytes = operation.bytes;
        return;
      case 'truncate':
        file.bytes = Math.floor((file.bytes * operation.part) / 100);
        return await truncate(path, file.bytes);
      case 'rename': {
        const onto = this.#model.name(operation.onto);
        // Two names of one file: rename(2) does nothing then.
        if (onto === undefined || this.#model.file(onto) === file) return;
        await rename(path, this.#path(onto));
        names.delete(name);
        names.set(onto, file);
        return;
      }
      case 'move': {
        const to = this.#model.newName(operation.at);
        await rename(path, this.#path(to));
        names.delete(name);
        names.set(to, file);
        return;
      }
      case 'link': {
        const to = this.#model.newName(operation.at);
        await link(path, this.#path(to));
        names.set(to, file);
        return;
      }
      case 'unlink':
        await rm(path);
        names.delete(name);
    }
  }

  /**
   * A brick that was killed may begin with what was deleted since its last flush, and refuse what has room until its counter is set right.
   *
   * @param before the size that the file has then
   */
  async #write(path: string, before: number, make: (path: string) => Promise<void>): Promise<void> {
    if (!this.#isDisturbed) return await make(path);
    await this.#world.lab.waitFor(`room in ${this.#pv.name} after a disturbance`, async () => {
      try {
        await make(path);
        return true;
      } catch (error) {
        await truncate(path, before);
        throw error;
      }
    });
  }

  /** The counter on the brick's disk, as of its flush, and what a scan says of it. After a disturbance the agent may set it right first. */
  async #expectCounter(index: number, bytes: number): Promise<void> {
    const { lab, volume } = this.#world;
    const agent = this.#agent(index);
    const { name, relativePath } = this.#pv;
    let last = '';
    await lab
      .waitFor(
        `the counter of ${name} on brick ${index}`,
        async () => {
          const before = (await quotaOf(agent, name))?.status.usage.scannedAt;
          const duty = this.#isDisturbed ? 'repair' : 'scan';
          await agent.api('POST', `/v1/quotas/${name}/${duty}`);
          const usage = await lab.waitFor(`a scan of ${name}`, async () => {
            const now = (await quotaOf(agent, name))?.status.usage;
            return now !== undefined && now.scannedAt !== before ? now : undefined;
          });
          // The scan has had it flushed. A brick that has counted nothing yet has written nothing.
          const counter = volume.brick(index).xattr(relativePath, SIZE_XATTR)?.toString().replace('\0', '') ?? '0';
          const repair = (await quotaOf(agent, name))?.status.repair;
          last = `counter ${counter}, drift ${usage.driftBytes}, repair ${repair?.state} ${repair?.reason}: ${repair?.message}`;
          return counter === String(bytes) && usage.driftBytes === '0';
        },
        { timeoutMs: 20_000 },
      )
      .catch((error: unknown) => {
        throw new Error(`the model counts ${bytes}, brick ${index}: ${last}`, { cause: error });
      });
  }

  async #expectStopped(room: number): Promise<void> {
    const directory = this.#model.directories.at(-1) ?? '';
    const probe = (n: number): string => this.#path(`${directory}${directory === '' ? '' : '/'}probe-${n}`);
    const beyond = Math.max(room, 0) + MiB;
    let probes = 0;
    if (this.#isTricked) {
      // What was written into the gap stays until it is over: that is how the guard sees it.
      await this.#world.lab.waitFor('a writer to be stopped again', async () => {
        probes += 1;
        return (await writeUntilError(probe(probes), CHUNK, beyond)).errno === 'EDQUOT';
      });
    } else {
      probes += 1;
      const { written, errno } = await writeUntilError(probe(probes), CHUNK, beyond);
      if (errno !== 'EDQUOT' || written > Math.max(room, 0) || written <= room - 2 * CHUNK) {
        throw new Error(`with room for ${room} bytes a writer was stopped by ${errno} after ${written}`);
      }
    }
    for (let n = 1; n <= probes; n += 1) await rm(probe(n), { force: true });
    this.#isTricked = false;
  }

  async #restart(bricks: readonly number[], isCrash: boolean): Promise<void> {
    await this.#settled();
    const { volume } = this.#world;
    await Promise.all(
      bricks.map(async (index) => {
        const brick = volume.brick(index);
        if (isCrash) await brick.kill('SIGKILL');
        else await brick.stop();
        await brick.start();
      }),
    );
    await this.#connected();
    if (bricks.length < volume.bricks.length) return;
    this.#isTricked = false;
    this.#isFaked = false;
  }

  /** Of a new brick process nothing is known by name but what was looked up by name. */
  async #connected(): Promise<void> {
    const { lab, client, agents, volume } = this.#world;
    await client.waitConnected();
    if (!this.#isUnhealed) await waitLimit(lab, agents, this.#pv.name, this.#model.limitBytes);
    await delay(NAMES_FORGOTTEN_MS);
    this.#isDisturbed = true;
    this.#isUnproven = true;
    // What was under way when it went.
    if (volume.bricks.length > 1) this.#isUnhealed = true;
  }

  async #takeDown(index: number): Promise<void> {
    if (this.#down === index) return;
    await this.#settled();
    await this.#makeRoom();
    await this.#world.volume.brick(index).kill('SIGKILL');
    this.#down = index;
    this.#isUnhealed = true;
  }

  async #bringUp(): Promise<void> {
    if (this.#down === undefined) return;
    await this.#world.volume.brick(this.#down).start();
    this.#down = undefined;
    await this.#connected();
  }

  async #wipe(index: number): Promise<void> {
    const { lab, volume } = this.#world;
    await this.#settled();
    await this.#makeRoom();
    await volume.brick(index).wipe();
    this.#isUnhealed = true;
    await this.#connected();
    await lab.waitFor(`brick ${index} to be marked as replaced`, async () => {
      const { code } = await this.#agent(index).cli('heal', 'mark-replaced', '--yes');
      return code === 0;
    });
    await this.#heal();
    // A limit that this agent alone was told was on that disk alone, and no heal of 11.1 brings one (docs/quota.md).
    if (!this.#isSetOnAll && index === 0) await this.#setLimit(this.#model.limitBytes);
  }

  async #killAgent(index: number): Promise<void> {
    const { lab, volume, agents } = this.#world;
    const killed = this.#agent(index);
    await killed.kill();
    agents[index] = await startAgain(lab, volume, index, killed, {}, { waitReady: false });
    this.#isUnproven = true;
  }

  /** A brick that is healed has to hold for a while what is new and what is to go; a PV that is full heals when somebody makes room. */
  async #makeRoom(): Promise<void> {
    if (this.#model.limitBytes < this.#roomyLimit()) await this.#setLimit(this.#roomyLimit());
  }

  #roomyLimit(): number {
    return Math.ceil((2 * this.#model.countedBytes) / MiB + 1) * MiB;
  }

  async #heal(): Promise<void> {
    const { lab, volume } = this.#world;
    await this.#bringUp();
    if (!this.#isUnhealed) return;
    let askedAt = performance.now();
    let differences: string[] = [];
    await lab
      .waitFor(
        'the heal',
        async () => {
          if ((await pendingHeals(volume)) === 0) {
            differences = await brickDifferences(volume);
            if (differences.length === 0) return true;
          }
          if (performance.now() - askedAt > HEAL_AGAIN_MS || differences.length > 0) {
            askedAt = performance.now();
            await this.#agent(0).api('POST', '/v1/heal', { kind: 'index' });
          }
          return false;
        },
        { timeoutMs: 40_000 },
      )
      .catch(async (error: unknown) => {
        const { stdout } = await this.#agent(0).cli('heal', 'explain');
        throw new Error(`not healed: ${stdout} ${differences.join('; ')}`, { cause: error });
      });
    this.#isUnhealed = false;
  }

  #brickOf({ brick }: { brick: number }): number {
    return brick % this.#world.volume.bricks.length;
  }

  #agent(index: number): LabAgent {
    const agent = this.#world.agents[index];
    if (agent === undefined) throw new Error(`no agent beside brick ${index}`);
    return agent;
  }

  async #asTenant(key: string, value: string): Promise<void> {
    const options = { cwd: this.#pv.path, uid: 1000, gid: 1000 };
    await promisify(execFile)('setfattr', ['-n', key, '-v', value, '.'], options);
  }

  #path(name: string): string {
    return `${this.#pv.path}/${name}`;
  }
}

/** Wall-clock milliseconds, by the message of a condition. */
function auditedAt(message: string): number {
  return Date.parse(/memory at (\S+) /.exec(message)?.[1] ?? '');
}
