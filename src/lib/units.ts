import { AgentError } from './errors.ts';

const SUFFIXES: Record<string, bigint> = {
  '': 1n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  E: 1000n ** 6n,
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  Pi: 1024n ** 5n,
  Ei: 1024n ** 6n,
};

/** simple-quota keeps limits and usage in signed 64-bit integers. */
export const MAX_BYTES = 2n ** 63n - 1n;

/**
 * Bytes from a Kubernetes quantity (`10Gi`, `500M`, `1.5Gi`) or a plain decimal number.
 *
 * @throws AgentError `BadRequest` for anything else, a negative number, a fraction of a byte or more than 2^63-1
 */
export function parseBytes(text: string): bigint {
  const match = /^(\d{1,19})(?:\.(\d{1,9}))?([kMGTPE]i?|Ki)?$/.exec(text.trim());
  const unit = match === null ? undefined : SUFFIXES[match[3] ?? ''];
  if (match === null || unit === undefined) {
    throw new AgentError('BadRequest', `"${text}" is not a size; write bytes or a quantity such as 10Gi or 500M`);
  }
  const fraction = match[2] ?? '';
  const scaled = BigInt((match[1] ?? '') + fraction) * unit;
  const divisor = 10n ** BigInt(fraction.length);
  if (scaled % divisor !== 0n) throw new AgentError('BadRequest', `"${text}" is not a whole number of bytes`);
  const bytes = scaled / divisor;
  if (bytes > MAX_BYTES) throw new AgentError('BadRequest', `"${text}" is more than 2^63-1 bytes`);
  return bytes;
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Bytes for people: `0 B`, `9.5 MiB`, `10 GiB`. Not for programs. */
export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${text} ${BINARY_UNITS[unit]}`;
}

/** Milliseconds for people: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds from `90s`, `10m`, `1h`, `500ms`, or a plain number of seconds.
 *
 * @throws AgentError `BadRequest` for anything else, and for more than a day
 */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,8})(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(number) * (DURATION_UNITS[unit] ?? Number.NaN);
  if (ms >= 0 && ms <= 24 * 3_600_000) return ms;
  throw new AgentError('BadRequest', `"${text}" is not a duration of up to a day; write 90s, 10m or 1h`);
}
