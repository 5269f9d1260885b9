import type { Collector } from '../registry.ts';

const KINDS = ['data', 'metadata', 'entry', 'gfid', 'type'] as const;

export interface SplitBrainSnapshot {
  /** Why it is not known; undefined: it is. */
  unknown: string | undefined;
  items: readonly { kinds: readonly (typeof KINDS)[number][] }[];
}

/** @param snapshot undefined on a volume that is not replicated */
export function splitBrainCollector(snapshot: () => SplitBrainSnapshot | undefined): Collector {
  return {
    name: 'split-brain',
    collect(emit) {
      const status = snapshot();
      if (status === undefined || status.unknown !== undefined) return;
      for (const kind of KINDS) {
        const objects = status.items.filter(({ kinds }) => kinds.includes(kind)).length;
        emit('gluster_heal_split_brain_objects', { kind }, objects);
      }
    },
  };
}
