import type { Collector } from '../registry.ts';

/** What is known of the brick; undefined members are not known. */
export interface BrickSnapshot {
  info: { volumeId: string; volumeType: string; brick: string; brickIndex: number; node: string; hostname: string };
  /** Undefined: its volume cannot be taken apart into sets. */
  set: { number: number; dataBricks: number } | undefined;
  checks: readonly { name: string; status: 'True' | 'False' | 'Unknown' }[];
  fenced: boolean;
  /** The brick is proven, and holds nothing of any client. */
  empty: boolean | undefined;
  hung: boolean;
  up: boolean;
  capacity:
    { totalBytes: bigint; freeBytes: bigint; availableBytes: bigint; inodes: bigint; inodesFree: bigint } | undefined;
  /** Where clients may write, as the brick says. */
  writableBytes: bigint | undefined;
  /** Wall-clock milliseconds. */
  healthCheckAt: number | undefined;
}

export function brickCollector(snapshot: () => BrickSnapshot): Collector {
  return {
    name: 'brick',
    collect(emit) {
      const { info, set, checks, fenced, hung, up, capacity, healthCheckAt, empty, writableBytes } = snapshot();
      const { volumeId, volumeType, brick, brickIndex, node, hostname } = info;
      emit(
        'gluster_brick_info',
        { volume_id: volumeId, volume_type: volumeType, brick, brick_index: String(brickIndex), node, hostname },
        1,
      );
      if (set !== undefined) emit('gluster_brick_data_bricks', { set: String(set.number) }, set.dataBricks);
      for (const { name, status } of checks) {
        emit(
          'gluster_brick_identity_verified',
          { check: name },
          status === 'Unknown' ? undefined : Number(status === 'True'),
        );
      }
      emit('gluster_brick_fenced', {}, Number(fenced));
      emit('gluster_brick_empty', {}, empty === undefined ? undefined : Number(empty));
      emit('gluster_brick_hung', {}, Number(hung));
      emit('gluster_brick_up', {}, Number(up));
      emit(
        'gluster_brick_health_check_timestamp_seconds',
        {},
        healthCheckAt === undefined ? undefined : healthCheckAt / 1000,
      );
      emit('gluster_brick_writable_bytes', {}, writableBytes === undefined ? undefined : Number(writableBytes));
      if (capacity === undefined) return;
      emit('gluster_brick_capacity_bytes', {}, Number(capacity.totalBytes));
      emit('gluster_brick_free_bytes', {}, Number(capacity.freeBytes));
      emit('gluster_brick_available_bytes', {}, Number(capacity.availableBytes));
      emit('gluster_brick_inodes', {}, Number(capacity.inodes));
      emit('gluster_brick_inodes_free', {}, Number(capacity.inodesFree));
    },
  };
}
