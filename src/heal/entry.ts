/** One object that waits for heal, as it is told to people and programs. Pure. */
import type { HealEntry, HealObject, ObjectType } from '../brick/heal-entries.ts';
import { pvOfPath } from '../brick/pv-path.ts';
import { bytesToText } from '../lib/byte-text.ts';
import type { Gfid } from '../lib/gfid.ts';
import { judgeCounters, type Judgement, type ReplicaSet, type Verdict } from './changelog.ts';

export type EntryState =
  | Verdict
  /** The bricks of the set have compared their copies: each is blamed by another, or a name means different objects. */
  | 'SplitBrain'
  /** The index has it, but this brick has no such object any more; the next crawl of the self-heal daemon removes the entry. */
  | 'Stale'
  /** A directory whose handle leads nowhere, as an interrupted rename leaves it. */
  | 'Unresolved';

const IDLE: ReadonlySet<EntryState> = new Set(['Dirty', 'Clean', 'Stale']);

/** Nothing is to be healed: it is being written, was healed, or is gone. */
export function isIdle(state: EntryState): boolean {
  return IDLE.has(state);
}

export interface PendingEntry extends Omit<Judgement, 'verdict'> {
  gfid: Gfid;
  state: EntryState;
  type: ObjectType | undefined;
  /** From the volume's root, in the form of `lib/byte-text.ts`: `/subvol/ab/cd/pvc-1/file`. Several for a file with hard links. */
  paths: string[];
  /** Names that it has beyond those. */
  unknownNames: number;
  /** The PV that it belongs to; undefined: none, or not known. */
  pv: string | undefined;
  /** Wall-clock milliseconds: the object was changed then for the last time, so it waits since then or longer. */
  changedAt: number | undefined;
  isNamespace: boolean;
}

export function describeEntry({ gfid, object }: HealEntry, set: ReplicaSet | undefined): PendingEntry {
  if (typeof object === 'string') {
    return { ...NOTHING, gfid, state: object === 'gone' ? 'Stale' : 'Unresolved' };
  }
  const { verdict, kinds, blames, dirty, disperse } = judge(object.counters, set);
  return {
    kinds,
    blames,
    dirty,
    disperse,
    gfid,
    state: verdict,
    type: object.type,
    paths: object.paths.map((path) => bytesToText(`/${path}`)),
    unknownNames: object.unknownNames,
    pv: pvOf(object),
    changedAt: object.changedAt,
    isNamespace: object.isNamespace,
  };
}

/** The state alone, where nobody asks for more. */
export function stateOf({ object }: HealEntry, set: ReplicaSet | undefined): EntryState {
  if (typeof object === 'string') return object === 'gone' ? 'Stale' : 'Unresolved';
  return judge(object.counters, set).verdict;
}

/** What was missed; nothing where that cannot be told. */
export function kindsOf({ object }: HealEntry, set: ReplicaSet | undefined): Judgement['kinds'] {
  return typeof object === 'string' ? [] : judge(object.counters, set).kinds;
}

interface Judged {
  set: ReplicaSet | undefined;
  judgement: Judgement;
}

/** Objects that have the same counters come with the same object of them, and to judge each anew was half of what a list cost. */
const judged = new WeakMap<HealObject['counters'], Judged>();

function judge(counters: HealObject['counters'], set: ReplicaSet | undefined): Judgement {
  const known = judged.get(counters);
  if (known !== undefined && known.set === set) return known.judgement;
  const judgement = judgeCounters(counters, set);
  judged.set(counters, { set, judgement });
  return judgement;
}

/** All names of a file are in the same PV: simple-quota refuses links between two. */
export function pvOf({ paths: [path] }: HealObject): string | undefined {
  const pv = path === undefined ? undefined : pvOfPath(path);
  return pv === undefined ? undefined : bytesToText(pv);
}

const NOTHING = {
  type: undefined,
  paths: [],
  unknownNames: 0,
  pv: undefined,
  changedAt: undefined,
  isNamespace: false,
  kinds: [],
  blames: [],
  dirty: undefined,
  disperse: undefined,
} satisfies Partial<PendingEntry>;
