/** One question to the tables of options: what is known of this key of this translator. */
import { canonicalType } from '../model.ts';
import { CLUSTER_OPTIONS } from './cluster.ts';
import { silent, word, type OptionSpec, type XlatorOptions } from './spec.ts';
import { SERVER_OPTIONS, STORAGE_OPTIONS } from './storage.ts';

interface TypeOptions {
  byKey: ReadonlyMap<string, OptionSpec>;
  /** Beginnings, the longest first. */
  byBeginning: readonly (readonly [beginning: string, spec: OptionSpec])[];
}

const TABLE: ReadonlyMap<string, TypeOptions> = new Map(
  Object.entries({ ...STORAGE_OPTIONS, ...CLUSTER_OPTIONS, 'protocol/server': SERVER_OPTIONS }).map(
    ([type, options]) => [type, indexed(options)],
  ),
);

function indexed(options: XlatorOptions): TypeOptions {
  const entries = Object.entries(options);
  return {
    byKey: new Map(entries.filter(([key]) => !key.endsWith('*'))),
    byBeginning: entries
      .filter(([key]) => key.endsWith('*'))
      .map(([key, spec]): [string, OptionSpec] => [key.slice(0, -1), spec])
      .sort(([a], [b]) => b.length - a.length),
  };
}

/** Every translator takes a log level of its own, and says nothing about it. */
const LOG_LEVEL = silent(word('DEBUG', 'WARNING', 'ERROR', 'INFO', 'CRITICAL', 'NONE', 'TRACE'));

/** protocol/server hands a child the options about authentication; its log shows them there. */
const COPIED_TO_CHILDREN = /^auth[.-]/;

/** `unlisted-type`: nothing is known of the translator. `unknown-key`: the translator is known and has no such option. */
export type OptionLookup = { found: OptionSpec } | { found: undefined; why: 'unlisted-type' | 'unknown-key' };

export function lookUpOption(type: string, key: string): OptionLookup {
  const options = TABLE.get(canonicalType(type));
  if (options === undefined) return { found: undefined, why: 'unlisted-type' };
  const found =
    options.byKey.get(key) ??
    options.byBeginning.find(([beginning]) => key.startsWith(beginning))?.[1] ??
    (key === 'log-level' ? LOG_LEVEL : undefined);
  return found === undefined ? { found: undefined, why: 'unknown-key' } : { found };
}

/** A key that a process adds to its graph without it standing in the volfile. */
export function isInjectedOption(key: string): boolean {
  return COPIED_TO_CHILDREN.test(key) || key.startsWith('rpc-auth');
}

/** The keys of a translator, patterns left out; for "did you mean". */
export function knownKeys(type: string): string[] {
  return [...(TABLE.get(canonicalType(type))?.byKey.keys() ?? [])];
}
