/** How the tables of options are written. */
import type { ValueKind } from './value.ts';

/**
 * Whether a running 11.1 process takes a new value on SIGHUP: `logged` means that it says so at level INFO ("option K using
 * set value V"), `silent` that it takes it without a word, `restart` that it goes on with the old one.
 */
export type Liveness = 'logged' | 'silent' | 'restart';

export interface OptionSpec {
  value: ValueKind;
  live: Liveness;
}

export interface XlatorOptions {
  /** By key; a key that ends with `*` stands for every key with that beginning. */
  [key: string]: OptionSpec;
}

export const ANY: ValueKind = { kind: 'any' };
export const BOOL: ValueKind = { kind: 'bool' };
export const HOST: ValueKind = { kind: 'host' };
export const PATH: ValueKind = { kind: 'path' };
export const TIME: ValueKind = { kind: 'time' };
export const INT: ValueKind = { kind: 'int' };
export const INT_MAX = 2 ** 31 - 1;

export function int(min: number, max?: number): ValueKind {
  return max === undefined ? { kind: 'int', min } : { kind: 'int', min, max };
}

export function size(min: number, max: number): ValueKind {
  return { kind: 'size', min, max };
}

export function bytes(min: number, max: number): ValueKind {
  return { kind: 'bytes', min, max };
}

export function time(min: number, max: number): ValueKind {
  return { kind: 'time', min, max };
}

export function word(...words: string[]): ValueKind {
  return { kind: 'word', words };
}

export function logged(value: ValueKind): OptionSpec {
  return { value, live: 'logged' };
}

export function silent(value: ValueKind): OptionSpec {
  return { value, live: 'silent' };
}

export function restart(value: ValueKind): OptionSpec {
  return { value, live: 'restart' };
}
