/**
 * The values an option takes, judged as GlusterFS judges them.
 *
 * It matters that this happens before a reload: 11.1 stores a new value first and checks it afterwards, then stops half-way
 * through the graph (measured with `thread-count 9999`).
 */
import { isIPv6 } from 'node:net';
import { parseBoolean } from '../model.ts';

/** Bounds are inclusive; a size in bytes, a time in seconds. */
export type ValueKind =
  | { kind: 'any' }
  | { kind: 'bool' }
  | { kind: 'path' }
  /** A host name or an address, without a port. */
  | { kind: 'host' }
  | { kind: 'int'; min?: number; max?: number }
  | { kind: 'size'; min?: number; max?: number }
  /** A size in plain digits: the transport takes no unit. */
  | { kind: 'bytes'; min?: number; max?: number }
  | { kind: 'time'; min?: number; max?: number }
  | { kind: 'percent-or-size' }
  | { kind: 'word'; words: readonly string[] };

/** `form`: not of this kind at all. `range`: of the kind, but out of bounds. `expected` ends the sentence "it takes ...". */
export interface ValueFault {
  what: 'form' | 'range';
  expected: string;
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1024],
  ['MB', 1024 ** 2],
  ['GB', 1024 ** 3],
  ['TB', 1024 ** 4],
  ['PB', 1024 ** 5],
]);

const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['s', 1],
  ['sec', 1],
  ['m', 60],
  ['min', 60],
  ['h', 3600],
  ['hr', 3600],
  ['d', 86_400],
  ['days', 86_400],
  ['w', 604_800],
  ['wk', 604_800],
]);

/** `undefined` when the value is fine. */
export function checkValue(spec: ValueKind, value: string): ValueFault | undefined {
  switch (spec.kind) {
    case 'any':
      return undefined;
    case 'bool':
      return parseBoolean(value) === undefined ? { what: 'form', expected: 'on or off' } : undefined;
    case 'path':
      return value.startsWith('/') && !value.includes('../')
        ? undefined
        : { what: 'form', expected: 'an absolute path without ../' };
    case 'host':
      return isHost(value) ? undefined : { what: 'form', expected: 'a host name or an address, nothing else' };
    case 'word':
      return spec.words.includes(value) ? undefined : { what: 'form', expected: `one of ${spec.words.join(', ')}` };
    case 'int':
      return checkNumber(parseInteger(value), spec, 'a whole number');
    case 'size':
      return checkNumber(parseUnits(value, SIZE_UNITS, true), spec, 'a size such as 64KB');
    case 'bytes':
      return checkNumber(
        /^\d{1,15}$/.test(value) ? Number(value) : undefined,
        spec,
        'a number of bytes without a unit',
      );
    case 'time':
      return checkNumber(parseUnits(value, TIME_UNITS, false), spec, 'a time such as 10 or 5min');
    case 'percent-or-size':
      return checkPercentOrSize(value);
  }
}

/** 11.1 refuses `host:port` and whatever has a character that no name has, and its process ends (measured). */
function isHost(value: string): boolean {
  return /^[\w.-]+$/.test(value) || isIPv6(value.replace(/%.*/, ''));
}

function checkNumber(
  number: number | undefined,
  { min, max }: { min?: number; max?: number },
  kind: string,
): ValueFault | undefined {
  if (number === undefined) return { what: 'form', expected: kind };
  if ((min === undefined || number >= min) && (max === undefined || number <= max)) return undefined;
  const bounds = [min === undefined ? '' : `at least ${min}`, max === undefined ? '' : `at most ${max}`];
  return { what: 'range', expected: `${kind}, ${bounds.filter((bound) => bound !== '').join(' and ')}` };
}

function checkPercentOrSize(value: string): ValueFault | undefined {
  const expected = 'a percentage such as 1 or 5%, or a size such as 10GB';
  if (!value.endsWith('%')) return checkNumber(parseUnits(value, SIZE_UNITS, true), {}, expected);
  return checkNumber(parseUnits(value.slice(0, -1), new Map([['', 1]]), true), { min: 0, max: 100 }, expected);
}

/** As C's strtoll with base 0: decimal, 0x hexadecimal, leading 0 octal. */
function parseInteger(text: string): number | undefined {
  const match = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.exec(text);
  const digits = match?.[2];
  if (digits === undefined) return undefined;
  const octal = /^0[0-7]+$/.test(digits);
  const magnitude = Number(octal ? `0o${digits.slice(1)}` : digits);
  return match?.[1] === '-' ? -magnitude : magnitude;
}

function parseUnits(text: string, units: ReadonlyMap<string, number>, fraction: boolean): number | undefined {
  const match = /^(\d{1,18}(?:\.\d{1,18})?)([A-Za-z]*)$/.exec(text);
  if (match?.[1] === undefined || (!fraction && match[1].includes('.'))) return undefined;
  const unit = units.get(match[2] ?? '') ?? (fraction ? units.get((match[2] ?? '').toUpperCase()) : undefined);
  return unit === undefined ? undefined : Number(match[1]) * unit;
}
