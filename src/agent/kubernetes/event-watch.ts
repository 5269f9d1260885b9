/** Compares what the agent knows with what it knew at the last look, and tells what has happened since. Pure but for that memory. */
import type { QuotaLayout } from '../../quota/layout.ts';
import type { PvState } from '../../quota/pv-state.ts';
import type { AgentEvent } from './event-kinds.ts';
import { NOTHING_KNOWN, podEvents, type PodMemory, type PodView } from './pod-events.ts';
import { pvEvents, type PvMemory } from './pv-events.ts';
import { settledView, volfileEvents, type VolfileView } from './volfile-events.ts';

export interface EventSources {
  pod: PodView;
  volfiles: readonly VolfileView[];
  /** Undefined: no pass over the PVs is done yet. */
  pvs:
    | {
        layout: QuotaLayout;
        states: () => Iterable<PvState>;
        refusals: readonly { file: string; reason: string }[];
      }
    | undefined;
}

/** Refused entries that are remembered; more are a broken file, and said so by the first. */
const MAX_REFUSALS = 256;

export class EventWatch {
  #pod: PodMemory = NOTHING_KNOWN;
  readonly #volfiles = new Map<string, VolfileView>();
  #pvs = new Map<string, PvMemory>();
  /** Undefined: none were looked at yet. */
  #refusals: ReadonlySet<string> | undefined;

  /** @param now wall-clock milliseconds */
  look({ pod, volfiles, pvs }: EventSources, now: number): AgentEvent[] {
    const { memory, events } = podEvents(this.#pod, pod, now);
    this.#pod = memory;
    for (const view of volfiles) {
      const settled = settledView(view, now);
      events.push(...volfileEvents(this.#volfiles.get(view.process), settled));
      this.#volfiles.set(view.process, settled);
    }
    if (pvs === undefined) return events;
    return [...events, ...this.#pvEvents(pvs, now), ...this.#refusalEvents(pvs.refusals)];
  }

  #pvEvents({ layout, states }: NonNullable<EventSources['pvs']>, now: number): AgentEvent[] {
    const events: AgentEvent[] = [];
    const memories = this.#pvs;
    let seen = 0;
    for (const state of states()) {
      seen += 1;
      const before = memories.get(state.pv);
      const { memory, events: own } = pvEvents(before, state, layout, now);
      if (memory !== before) memories.set(state.pv, memory);
      events.push(...own);
    }
    if (memories.size > seen) this.#forgetGone(states);
    return events;
  }

  #forgetGone(states: () => Iterable<PvState>): void {
    const kept = new Map<string, PvMemory>();
    for (const { pv } of states()) {
      const memory = this.#pvs.get(pv);
      if (memory !== undefined) kept.set(pv, memory);
    }
    this.#pvs = kept;
  }

  #refusalEvents(refusals: readonly { file: string; reason: string }[]): AgentEvent[] {
    const before = this.#refusals;
    const some = refusals.slice(0, MAX_REFUSALS);
    this.#refusals = new Set(some.map(aboutRefusal));
    return some.flatMap((refusal) => {
      const about = aboutRefusal(refusal);
      if (before?.has(about) === true) return [];
      const note = `${refusal.file}: ${refusal.reason}; the limit in it does not count`;
      return [{ reason: 'PvLimitRefused' as const, about, note, isFirst: before === undefined }];
    });
  }
}

function aboutRefusal({ file, reason }: { file: string; reason: string }): string {
  return `${file}\n${reason}`;
}
