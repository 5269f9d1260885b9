import type { Collector } from '../registry.ts';

const STATES = ['Complete', 'Progressing', 'Stalled', 'Unknown'] as const;
const MISSED = ['data', 'metadata', 'entry'] as const;
const OPERATION_KINDS = ['index', 'full'] as const;
const OUTCOMES = ['Succeeded', 'Failed', 'Unknown'] as const;

/** What is known of the backlog; undefined members are not known. Times are wall-clock milliseconds. */
export interface HealSnapshot {
  state: (typeof STATES)[number];
  pending: { xattrop: number | undefined; dirty: number | undefined; entryChanges: number | undefined };
  inPerSecond: number | undefined;
  outPerSecond: number | undefined;
  etaSeconds: number | undefined;
  pendingSince: number | undefined;
  /** What waits longest. */
  oldest: { at: number } | undefined;
  leftDirty: { objects: number } | undefined;
  /** Objects by what they miss. */
  missed: Readonly<Record<(typeof MISSED)[number], number>> | undefined;
  /** Whether the self-heal daemon answers. */
  daemonUp: boolean | undefined;
  /** Heals that somebody asked for: those under way, and how those before have ended. */
  operations: {
    running: readonly { kind: string }[];
    ended: Readonly<Record<(typeof OPERATION_KINDS)[number], Partial<Record<(typeof OUTCOMES)[number], number>>>>;
  };
  /** Bricks to which the self-heal daemon has no connection, of this brick's own set and of others. */
  disconnected: { own: number; other: number } | undefined;
  /** Whether the self-heal daemon crawls. */
  crawling: boolean | undefined;
}

export function healCollector(snapshot: () => HealSnapshot): Collector {
  return {
    name: 'heal',
    collect(emit) {
      const heal = snapshot();
      emit('gluster_heal_pending_entries', { index: 'xattrop' }, heal.pending.xattrop);
      emit('gluster_heal_pending_entries', { index: 'dirty' }, heal.pending.dirty);
      emit('gluster_heal_pending_entries', { index: 'entry-changes' }, heal.pending.entryChanges);
      for (const kind of MISSED) emit('gluster_heal_missed_objects', { kind }, heal.missed?.[kind]);
      for (const state of STATES) emit('gluster_heal_state', { state }, Number(heal.state === state));
      emit('gluster_heal_entries_per_second', { direction: 'in' }, heal.inPerSecond);
      emit('gluster_heal_entries_per_second', { direction: 'out' }, heal.outPerSecond);
      emit('gluster_heal_eta_seconds', {}, heal.etaSeconds);
      emit('gluster_heal_pending_since_timestamp_seconds', {}, seconds(heal.pendingSince));
      emit('gluster_heal_oldest_timestamp_seconds', {}, seconds(heal.oldest?.at));
      emit('gluster_heal_left_dirty_objects', {}, heal.leftDirty?.objects);
      emit('gluster_heal_daemon_up', {}, heal.daemonUp === undefined ? undefined : Number(heal.daemonUp));
      emit('gluster_heal_daemon_crawling', {}, heal.crawling === undefined ? undefined : Number(heal.crawling));
      emit('gluster_heal_daemon_disconnected_bricks', { set: 'own' }, heal.disconnected?.own);
      emit('gluster_heal_daemon_disconnected_bricks', { set: 'other' }, heal.disconnected?.other);
      const { running, ended } = heal.operations;
      for (const kind of OPERATION_KINDS) {
        emit(
          'gluster_heal_operations_running',
          { kind },
          running.filter((operation) => operation.kind === kind).length,
        );
        for (const outcome of OUTCOMES)
          emit('gluster_heal_operations_total', { kind, outcome }, ended[kind][outcome] ?? 0);
      }
    },
  };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
