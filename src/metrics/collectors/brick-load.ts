import type { BrickProfile } from '../../rpc/profile-reply.ts';
import type { ClientFigures } from '../client-traffic.ts';
import type { FopCounts } from '../fop-counters.ts';
import type { HistogramValue } from '../names.ts';
import type { Collector } from '../registry.ts';

/** What the brick says of its work; undefined: it did not say, lately. */
export interface BrickLoad {
  profile: { sizes: BrickProfile; counts: FopCounts } | undefined;
  clients: ClientFigures | undefined;
}

/** Bits of the largest size of each bucket: 511 B, 4 KiB - 1, ... 2 MiB - 1; what is larger is only in the last. */
const BUCKET_BITS = [9, 12, 13, 14, 15, 16, 17, 18, 20, 21];

/** @param byAddress whether clients are told apart by address, too */
export function brickLoadCollector(read: () => BrickLoad, byAddress: boolean): Collector {
  return {
    name: 'brick-load',
    collect(emit) {
      const { profile, clients } = read();
      if (profile !== undefined) {
        const { sizes, counts } = profile;
        emit('gluster_brick_io_size_bytes', { direction: 'read' }, histogram(sizes.reads, sizes.bytesRead));
        emit('gluster_brick_io_size_bytes', { direction: 'write' }, histogram(sizes.writes, sizes.bytesWritten));
        emit('gluster_brick_fops_counted', {}, counts.counting === undefined ? undefined : Number(counts.counting));
        for (const [fop, { calls, seconds, longestSeconds }] of counts.fops) {
          emit('gluster_brick_fops_total', { fop }, calls);
          emit('gluster_brick_fop_seconds_total', { fop }, seconds);
          emit('gluster_brick_fop_longest_seconds', { fop }, longestSeconds);
        }
      }
      for (const [kind, { connections, inBytes, outBytes }] of clients?.kinds ?? []) {
        emit('gluster_brick_clients', { kind }, connections);
        emit('gluster_brick_client_bytes_total', { kind, direction: 'in' }, inBytes);
        emit('gluster_brick_client_bytes_total', { kind, direction: 'out' }, outBytes);
      }
      if (!byAddress) return;
      for (const [address, { connections, inBytes, outBytes }] of clients?.addresses ?? []) {
        emit('gluster_brick_address_connections', { address }, connections);
        emit('gluster_brick_address_bytes_total', { address, direction: 'in' }, inBytes);
        emit('gluster_brick_address_bytes_total', { address, direction: 'out' }, outBytes);
      }
    },
  };
}

/** @param sizes counts by the highest bit of the size */
function histogram(sizes: ReadonlyMap<number, bigint>, bytes: bigint | undefined): HistogramValue | undefined {
  if (bytes === undefined) return undefined;
  const upTo = (bits: number): number => {
    let count = 0n;
    for (const [bit, times] of sizes) if (bit < bits) count += times;
    return Number(count);
  };
  return {
    buckets: BUCKET_BITS.map((bits) => [2 ** bits - 1, upTo(bits)]),
    count: upTo(Number.POSITIVE_INFINITY),
    sum: Number(bytes),
  };
}
