/** One result of a bench, as `make bench` prints it. */
export interface BenchLine {
  name: string;
  ours: number;
  /** What somebody without us would use, or the budget that we have set ourselves. */
  peer: number;
  /** ours / peer, from the same run. */
  ratio: number;
  unit: string;
  peerName: string;
}

export function benchLine(name: string, ours: number, peer: number, unit: string, peerName: string): BenchLine {
  return { name, ours: round(ours), peer: round(peer), ratio: round(ours / peer), unit, peerName };
}

export function isBenchLine(value: unknown): value is BenchLine {
  if (typeof value !== 'object' || value === null) return false;
  const { name, unit, peerName, ...numbers } = { ...value } as Record<string, unknown>;
  const texts = [name, unit, peerName].every((text) => typeof text === 'string');
  return texts && ['ours', 'peer', 'ratio'].every((key) => Number.isFinite(numbers[key]));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('no values to take the median of');
  return middle;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
