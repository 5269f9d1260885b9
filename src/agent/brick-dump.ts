/** Statedumps of the brick process, one after the other: those of one second have one name. */
import type { Clock } from '../lib/clock.ts';
import { AgentError } from '../lib/errors.ts';
import { Mutex } from '../lib/mutex.ts';
import type { SignalOptions } from '../process/signal.ts';
import { readStatedump } from '../process/statedump.ts';
import type { ProcessMonitor } from './process-monitor.ts';

/**
 * A brick leaves its inode table out of a dump when somebody holds the table's lock at that moment (it only tries it), which on a busy machine happens: a
 * dump without one is asked for again, so often in all.
 */
const DUMPS = 5;
/** Before the next one, in milliseconds. */
const DUMP_AGAIN_MS = 200;

export interface BrickDumpOptions {
  processes: Pick<ProcessMonitor, 'views'>;
  config: { statedumpDir: string; brickName: string };
  clock: Clock;
  /** Where proc is mounted and how signals are sent; for tests. */
  system?: SignalOptions;
}

/** Takes a dump apart, line by line. */
export interface TableReader<T> {
  line(line: string): void;
  /** Undefined: the inode table was not in the dump at all; an options file can switch it off. */
  end(): T | undefined;
}

export class BrickDump {
  readonly #options: BrickDumpOptions;
  readonly #mutex = new Mutex();

  constructor(options: BrickDumpOptions) {
    this.#options = options;
  }

  /**
   * @param makeReader a new one for each try
   * @throws AgentError as `readStatedump`, `NotSupported` when the dumps have no inode table
   */
  async read<T>(makeReader: (brickName: string) => TableReader<T>, signal: AbortSignal): Promise<T> {
    const { processes, config, clock, system } = this.#options;
    const proof = processes.views.find(({ process }) => process === 'brick')?.proof;
    if (proof?.ok !== true) {
      throw new AgentError(
        'ProcessUnproven',
        `no statedump: ${proof?.message ?? 'the brick process was not looked at yet'}`,
      );
    }
    const options = { ...system, process: proof.process, dir: config.statedumpDir, clock, signal };
    for (let dumps = 1; ; dumps += 1) {
      const reader = makeReader(config.brickName);
      await this.#mutex.run(async () => await readStatedump(options, (line) => reader.line(line)));
      const read = reader.end();
      if (read !== undefined) return read;
      if (dumps === DUMPS) break;
      await clock.sleep(DUMP_AGAIN_MS, signal);
    }
    throw new AgentError(
      'NotSupported',
      `${DUMPS} statedumps of pid ${proof.process.pid} have no inode table of ${config.brickName}; does glusterdump.options switch inode off?`,
    );
  }
}
