/** What a PV should hold and count after what was done to it: the simple model that real volumes are compared with. */
import * as fc from 'fast-check';

/** 11.1 counts whole sectors of a file, and one more for the file itself. */
const SECTOR = 512;
const KiB = 1024;
const MiB = 1024 * KiB;

/** Numbers pick among what is there, by remainder. */
export type PvOperation =
  | { kind: 'create'; at: number; bytes: number }
  | { kind: 'append'; file: number; bytes: number }
  | { kind: 'overwrite'; file: number; bytes: number }
  | { kind: 'truncate'; file: number; part: number }
  | { kind: 'rename'; file: number; onto: number }
  | { kind: 'move'; file: number; at: number }
  | { kind: 'link'; file: number; at: number }
  | { kind: 'unlink'; file: number }
  | { kind: 'mkdir'; at: number }
  | { kind: 'resize'; bytes: number }
  | { kind: 'restart'; brick: number }
  | { kind: 'crash'; brick: number }
  | { kind: 'switch-off' }
  | { kind: 'fake-usage'; bytes: number }
  /** With copies only: a brick goes away, and is back at the next rest point, or when another one is to go. */
  | { kind: 'down'; brick: number }
  /** With copies only: a brick comes back empty, and is marked for its set to heal it. */
  | { kind: 'wipe'; brick: number }
  /** An agent is killed, and starts again. */
  | { kind: 'kill-agent'; brick: number };

const pick = fc.nat(1_000);
const bytes = fc.integer({ min: 0, max: 300 * KiB });
/** Whole MiB: some below what is used, and none larger than a test fills quickly. */
export const limits = fc.integer({ min: 1, max: 6 }).map((n) => n * MiB);

/** What a tenant does, and whoever sets its limit. */
const ordinary = [
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('create' as const), at: pick, bytes }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), file: pick, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('overwrite' as const), file: pick, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncate' as const), file: pick, part: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), file: pick, onto: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), file: pick, at: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('link' as const), file: pick, at: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unlink' as const), file: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mkdir' as const), at: pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('resize' as const), bytes: limits }) },
];
const toBrick = <K extends PvOperation['kind']>(kind: K) => fc.record({ kind: fc.constant(kind), brick: pick });
/** What happens to a brick now and then, and tricks. */
const rare = [
  { weight: 1, arbitrary: toBrick('restart') },
  { weight: 1, arbitrary: toBrick('crash') },
  { weight: 1, arbitrary: fc.constant({ kind: 'switch-off' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fake-usage' as const), bytes: fc.constantFrom(0, 1, 512) }) },
];

/** On a volume of one brick. */
export const operations: fc.Arbitrary<PvOperation> = fc.oneof(...ordinary, ...rare);

/** On a volume of three copies. */
export const replicaOperations: fc.Arbitrary<PvOperation> = fc.oneof(
  ...ordinary,
  ...rare,
  { weight: 3, arbitrary: toBrick('down') },
  { weight: 1, arbitrary: toBrick('wipe') },
  { weight: 2, arbitrary: toBrick('kill-agent') },
);

/** The names of one PV, relative to its directory, and the files behind them. */
export class PvModel {
  readonly directories = [''];
  readonly names = new Map<string, { bytes: number }>();
  limitBytes: number;
  #next = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** What the brick's counter should be. */
  get countedBytes(): number {
    const files = [...new Set(this.names.values())];
    return files.reduce((sum, { bytes: size }) => sum + (Math.ceil(size / SECTOR) + 1) * SECTOR, 0);
  }

  /** Whether so much more is surely not refused. */
  hasRoom(more: number): boolean {
    return this.countedBytes + more + 2 * SECTOR <= this.limitBytes;
  }

  newName(at: number): string {
    const directory = this.directories[at % this.directories.length] ?? '';
    this.#next += 1;
    return `${directory}${directory === '' ? '' : '/'}n${this.#next}`;
  }

  /** Undefined while there is no file. */
  name(number: number): string | undefined {
    const names = [...this.names.keys()];
    return names[number % names.length];
  }

  file(name: string): { bytes: number } {
    const file = this.names.get(name);
    if (file === undefined) throw new Error(`the model has no ${name}`);
    return file;
  }
}
