/** The replica or disperse set that a brick is in, and how many of its bricks clients need. Pure. */

export interface VolumeShape {
  volumeType: 'Replica1' | 'Replica2' | 'Replica3' | 'Arbiter' | 'Disperse';
  /** Position of this brick in the volume, from 0; bricks are listed set by set. */
  brickIndex: number;
  disperseData?: number | undefined;
  disperseRedundancy?: number | undefined;
  /** What clients insist on: `auto` more than half of a replica set, or half with its first brick; `none` any one brick. */
  clientQuorum: 'auto' | 'none';
}

export interface BrickSet {
  /** Indexes of all bricks of the set, this one among them. */
  members: number[];
  first: number;
}

/** @returns undefined for a disperse volume whose redundancy is not known: its sets cannot be told apart */
export function brickSetOf({
  volumeType,
  brickIndex,
  disperseData,
  disperseRedundancy,
}: Omit<VolumeShape, 'clientQuorum'>): BrickSet | undefined {
  const size = bricksPerSet(volumeType, disperseData, disperseRedundancy);
  if (size === undefined) return undefined;
  const first = brickIndex - (brickIndex % size);
  return { first, members: Array.from({ length: size }, (_, child) => first + child) };
}

/** Whether clients go on reading and writing with these bricks of the set alone. */
export function hasQuorum(shape: VolumeShape, { members, first }: BrickSet, up: ReadonlySet<number>): boolean {
  const count = members.filter((index) => up.has(index)).length;
  if (shape.volumeType === 'Disperse') return count >= (shape.disperseData ?? members.length);
  if (shape.clientQuorum === 'none') return count > 0;
  return 2 * count > members.length || (2 * count === members.length && up.has(first));
}

/** Bricks of one replica or disperse set. @returns undefined as `brickSetOf` does */
export function bricksPerSet(
  volumeType: VolumeShape['volumeType'],
  data: number | undefined,
  redundancy: number | undefined,
): number | undefined {
  switch (volumeType) {
    case 'Replica1':
      return 1;
    case 'Replica2':
      return 2;
    case 'Replica3':
    case 'Arbiter':
      return 3;
    case 'Disperse':
      return data === undefined || redundancy === undefined ? undefined : data + redundancy;
  }
}
