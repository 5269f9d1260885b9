/** Leads the adoption of PVs by the bricks of a set, and does this brick's part when another agent leads. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Check } from 'typebox/value';
import type { Logger } from 'pino';
import { brickSetOf } from '../heal/brick-set.ts';
import type { Disruption } from '../heal/disruption.ts';
import type { Clock } from '../lib/clock.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { Adopter, type AdoptPorts, type AdoptResult, type AdoptStep, type AdoptionTarget } from '../quota/adopter.ts';
import type { AuditTarget } from '../quota/audit.ts';
import type { QuotaBackend } from '../quota/ports.ts';
import { BrickClient } from '../rpc/brick-client.ts';
import { PID } from '../rpc/credential.ts';
import { readReplicateName } from '../volfile/replicate-name.ts';
import type { BrickAdoption } from './brick-adoption.ts';
import type { Config } from './config/load.ts';
import { adoptAnswerSchema, type AdoptAnswer, type AdoptQuestion } from './http/schemas.ts';
import { askPeer, type PeerAccess } from './peer-http.ts';

/** Longer than any adoption, in milliseconds; it is taken back at its end. */
const CLAIM_MS = 300_000;
/** A peer's step has a minute of its own. */
const PEER_TIMEOUT_MS = 65_000;
/** The GlusterFS that adoptions were measured on. */
const SHOWN_SAFE = '11.1';
const CONNECT_TRIES = 50;
const CONNECT_PAUSE_MS = 100;
const LOCK_TIMEOUT_MS = 10_000;

export interface AdoptionOptions {
  config: Config;
  own: BrickAdoption;
  backend: QuotaBackend;
  targets: () => readonly AdoptionTarget[];
  /** The set as its agents see it. */
  disruption: {
    report: (signal: AbortSignal) => Promise<{ isStopping: boolean }>;
    claim: (forMs: number, signal: AbortSignal) => Promise<Disruption>;
    release: () => void;
  };
  access: PeerAccess | undefined;
  repair: (pv: string) => void;
  /** Of the running brick, e.g. `11.1`; undefined when it is not known. */
  version: () => Promise<string | undefined>;
  clock: Clock;
  log: Logger;
  wake: () => void;
}

export class Adoption implements AdoptPorts {
  readonly adopter: Adopter;
  readonly #options: AdoptionOptions;
  /** How our own answer is known among the peers'. */
  readonly #instance = randomUUID();
  #entered = false;

  constructor(options: AdoptionOptions) {
    this.#options = options;
    const { config, targets, clock, log, wake } = options;
    this.adopter = new Adopter({
      ports: this,
      targets,
      refusal: this.#refusal(),
      // Each for what its own brick has outside, which may be on that brick alone: a heal brings it there. Where the whole set has it, whoever enters first
      // leads, and the others find nothing left.
      automatic: config.quotaAdoption === 'auto' && config.volumeType !== 'Replica1',
      clock,
      log,
      wake,
    });
  }

  /** What another agent of the set wants of this brick. @throws AgentError `Conflict`, `NotFound`, and as the brick */
  async answer(question: AdoptQuestion, signal: AbortSignal): Promise<AdoptAnswer> {
    const { config, own, targets } = this.#options;
    const answer = { instance: this.#instance, brickIndex: config.brickIndex };
    const isOfSet = brickSetOf(config)?.members.includes(question.leader) === true;
    if (question.instance === this.#instance || !isOfSet) return { ...answer, done: false, moved: 0, wrong: 0 };
    const refusal = this.#refusal();
    if (refusal !== undefined) throw new AgentError('Conflict', refusal);
    const target = targets().find(({ pv }) => pv === question.pv);
    if (target === undefined) throw new AgentError('Conflict', `the limit of ${question.pv} is not live on this brick`);
    await this.#requireVersion();
    const { moved, wrong, why } = await own.step(question.step, target, signal);
    return { ...answer, done: true, moved, wrong, ...(why === undefined ? {} : { why }) };
  }

  async own(step: AdoptStep, target: AuditTarget, signal: AbortSignal): Promise<AdoptResult> {
    await this.#requireVersion();
    return await this.#options.own.step(step, target, signal);
  }

  async others(step: AdoptStep, pv: string, signal: AbortSignal): Promise<AdoptResult[]> {
    if (!this.#isReplicated()) return [];
    const { config } = this.#options;
    const addresses = config.peers?.split(',') ?? [];
    const answers = await Promise.allSettled(
      addresses.map(async (address) => await this.#ask(address, step, pv, signal)),
    );
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const done = answers.flatMap((one) => (one.status === 'fulfilled' && one.value.done ? [one.value] : []));
    const others = (brickSetOf(config)?.members ?? []).filter((index) => index !== config.brickIndex);
    const missing = others.filter((index) => done.filter(({ brickIndex }) => brickIndex === index).length !== 1);
    if (missing.length > 0) throw new AgentError('Conflict', `no agent has answered for brick ${missing.join(', ')}`);
    return done;
  }

  async enter(signal: AbortSignal): Promise<string | undefined> {
    if (!this.#isReplicated()) return undefined;
    const { disruption } = this.#options;
    if ((await disruption.report(signal)).isStopping) return 'this brick is about to be stopped';
    this.#entered = true;
    const { verdict, reasons } = await disruption.claim(CLAIM_MS, signal);
    if (verdict === 'Safe') return undefined;
    this.#entered = false;
    return reasons.map(({ code, message }) => `${code}: ${message}`).join('; ');
  }

  leave(): void {
    if (this.#entered) this.#options.disruption.release();
    this.#entered = false;
  }

  /**
   * Over a connection of its own, whose end releases all. Clients lock the directories that they change on every brick of the
   * set, so those of one brick are enough.
   */
  async lock(target: AuditTarget, signal: AbortSignal): Promise<() => Promise<void>> {
    if (!this.#isReplicated()) return async () => undefined;
    const { config, own, clock, log } = this.#options;
    const client = `${config.volume}-client-${config.brickIndex}`;
    const domain = await readReplicateName(config.volfileStaging ?? config.volfileDir, config.shdVolfile, client);
    if (domain === undefined) {
      const message = `the self-heal daemon's volfile does not say under which name clients lock: no replicate volume above ${client}`;
      throw new AgentError('Conflict', message);
    }
    const { brickHost: host, brickPort: port, brickName } = config;
    const connection = new BrickClient({ host, port, brickName, clock, log: log.child({ part: 'adoption' }) });
    try {
      for (let tries = 0; !connection.isUp && tries < CONNECT_TRIES; tries += 1) {
        await clock.sleep(CONNECT_PAUSE_MS, signal);
      }
      const options = { pid: PID.quotaHelper, signal, lockOwner: randomBytes(8), timeoutMs: LOCK_TIMEOUT_MS };
      const gfids = [target.gfid, ...(await own.directories(target, signal)).map(({ gfid }) => gfid)].sort();
      // In ascending order, as replicate clients take theirs, or two wait for each other.
      for (const gfid of gfids) {
        await connection.lockEntries(gfid, domain, 'lock', options).catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
      }
      return async () => await connection.stop();
    } catch (error) {
      await connection.stop();
      throw error;
    }
  }

  async journal({ path }: AuditTarget, begun: boolean, signal: AbortSignal): Promise<void> {
    const [written] = await this.#options.backend.write([{ path, adopting: begun }], signal);
    if (written?.kind !== 'written') throw new AgentError('BrickIo', `${path}: the journal was not written`);
  }

  repair(pv: string): void {
    this.#options.repair(pv);
  }

  /** It leans on how one release keeps its inodes; another may do otherwise, and is not tried. */
  async #requireVersion(): Promise<void> {
    const version = await this.#options.version();
    if (version === SHOWN_SAFE) return;
    const is = version === undefined ? 'what this brick runs is not known' : `this brick runs ${version}`;
    throw new AgentError('NotSupported', `shown to be safe on GlusterFS ${SHOWN_SAFE} only, and ${is}`);
  }

  #isReplicated(): boolean {
    const { volumeType } = this.#options.config;
    return volumeType === 'Replica2' || volumeType === 'Replica3';
  }

  #refusal(): string | undefined {
    const { config, access } = this.#options;
    const { volumeType } = config;
    if (volumeType === 'Replica1') return undefined;
    if (!this.#isReplicated())
      return `not tried on ${volumeType} volumes: restart the bricks, one by one, with prepare`;
    if (config.peers === undefined || access === undefined) {
      return 'the other bricks of the set must do it at the same time: configure peers and apiTokenFile';
    }
    return undefined;
  }

  async #ask(address: string, step: AdoptStep, pv: string, signal: AbortSignal): Promise<AdoptAnswer> {
    const { config, access } = this.#options;
    if (access === undefined) throw new AgentError('Internal', 'there are no peers to ask');
    const body: AdoptQuestion = {
      pv,
      step,
      instance: this.#instance,
      leader: config.brickIndex,
      volumeId: config.volumeId,
    };
    const path = '/v1/peer/adopt';
    const answer = await askPeer({ address, path, access, signal, timeoutMs: PEER_TIMEOUT_MS, body });
    if (!Check(adoptAnswerSchema, answer)) {
      throw new AgentError('RpcProtocol', `${address}: its answer to ${path} has another form than ours`);
    }
    return answer;
  }
}

/** Removed between the list and the lock. */
function isGone(error: unknown): boolean {
  return isAgentError(error, 'GlusterError') && ['ENOENT', 'ESTALE'].includes(String(error.details?.['errnoName']));
}
