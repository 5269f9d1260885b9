/** One file of the staging directory: what a process starts from, and what it goes back to when it could not live with that. */
import { errorMessage } from '../lib/errors.ts';
import type { StagedFacts } from './conditions.ts';
import type { LintContext } from './lint/rule.ts';
import type { VolfileSet } from './read-set.ts';
import type { FileHistory } from './running.ts';
import type { VolfileStage } from './stage.ts';
import { settled, type Settled } from './state.ts';
import { accept, FileJudge, hashOf, type Wanted } from './wanted.ts';

interface Content {
  sha256: string;
  bytes: Uint8Array;
}

export class StagedFile {
  readonly #file: string;
  readonly #stage: VolfileStage | undefined;
  readonly #judge: FileJudge;
  /** SHA-256 of the file that a process died of: not staged again until another one was. */
  #deadly: string | undefined;
  #current: Content | undefined;
  /** What was staged before the file that is staged now. */
  #previous: Content | undefined;
  /** What a process was last seen to run. */
  #lived: Content | undefined;

  /** @param stage undefined: processes read the watched directory, and nothing is done here */
  constructor(file: string, stage: VolfileStage | undefined) {
    this.#file = file;
    this.#stage = stage;
    this.#judge = new FileJudge(file);
  }

  /** Undefined without staged mode. */
  get facts(): StagedFacts | undefined {
    return this.#stage === undefined ? undefined : { hash: this.#current?.sha256 };
  }

  /**
   * Brings an acceptable file to where the process reads it, and records what the process reads there when it starts.
   *
   * @returns what stands in the way
   */
  async place(
    set: VolfileSet,
    wanted: Wanted,
    context: LintContext,
    versions: FileHistory,
  ): Promise<Settled | undefined> {
    if (this.#stage === undefined) {
      record(versions, wanted);
      return undefined;
    }
    // An older file is overwritten in a moment, and it may be the one that runs.
    await this.#look(context, versions);
    const obstacle = await this.#offer(this.#stage, set, wanted);
    await this.#look(context, versions);
    return obstacle;
  }

  /** A process runs it, and answers. */
  seenRunning(sha256: string | undefined): void {
    if (sha256 !== undefined && this.#current?.sha256 === sha256) this.#lived = this.#current;
  }

  /** A process did not live with the wanted file: it shall start again from what one has lived with. @returns what came of it */
  async takeBack(wanted: Wanted): Promise<{ done: boolean; message: string }> {
    const sha256 = hashOf(wanted);
    const good = [this.#lived, this.#previous].find((content) => content !== undefined && content.sha256 !== sha256);
    if (this.#stage === undefined || good === undefined) return { done: false, message: '' };
    this.#deadly = sha256;
    try {
      await this.#stage.write(this.#file, good.bytes);
      return { done: true, message: '; the last good file is staged again' };
    } catch (error) {
      return { done: false, message: `; the last good file cannot be staged again: ${errorMessage(error)}` };
    }
  }

  async #offer(stage: VolfileStage, set: VolfileSet, wanted: Wanted): Promise<Settled | undefined> {
    const { accepted } = accept(wanted);
    if (accepted !== undefined && accepted.sha256 === this.#deadly) return settled('Failed', 'ProcessDied', DEADLY);
    try {
      if ((await stage.offer(this.#file, set.files.get(this.#file), wanted)) === 'staged') this.#deadly = undefined;
      return undefined;
    } catch (error) {
      const message = `${this.#file} cannot be put into ${stage.dir}: ${errorMessage(error)}`;
      return settled('Failed', 'StagingFailed', message);
    }
  }

  async #look(context: LintContext, versions: FileHistory): Promise<void> {
    const set = await this.#stage?.read();
    const entry = set?.files.get(this.#file);
    if (set === undefined || entry?.ok !== true) return;
    if (this.#current?.sha256 !== entry.sha256) {
      this.#previous = this.#current;
      this.#current = entry;
    }
    record(versions, this.#judge.judge(set, context));
  }
}

const DEADLY = 'a process did not live with this file, so the last good one stays staged; change the file';

function record(versions: FileHistory, started: Wanted): void {
  if (started.readable) versions.record(started.sha256, started.graph, started.changedAt);
}
