/** One question to the tables of options: what is known of this key of this translator. */
import { canonicalType } from '../model.ts';
import { CLUSTER_OPTIONS } from './cluster.ts';
import { silent, word, type OptionSpec, type XlatorOptions } from './spec.ts';
import { SERVER_OPTIONS, STORAGE_OPTIONS } from './storage.ts';

const TABLE: ReadonlyMap<string, XlatorOptions> = new Map(
  Object.entries({ ...STORAGE_OPTIONS, ...CLUSTER_OPTIONS, 'protocol/server': SERVER_OPTIONS }),
);

/** Every translator takes a log level of its own, and says nothing about it. */
const LOG_LEVEL = silent(word('DEBUG', 'WARNING', 'ERROR', 'INFO', 'CRITICAL', 'NONE', 'TRACE'));

/** protocol/server hands a child the options about authentication; its log shows them there. */
const COPIED_TO_CHILDREN = /^auth[.-]/;

/** `unlisted-type`: nothing is known of the translator. `unknown-key`: the translator is known and has no such option. */
export type OptionLookup = { found: OptionSpec } | { found: undefined; why: 'unlisted-type' | 'unknown-key' };

export function lookUpOption(type: string, key: string): OptionLookup {
  const options = TABLE.get(canonicalType(type));
  if (options === undefined) return { found: undefined, why: 'unlisted-type' };
  const found = ownEntry(options, key) ?? byPattern(options, key) ?? (key === 'log-level' ? LOG_LEVEL : undefined);
  return found === undefined ? { found: undefined, why: 'unknown-key' } : { found };
}

/** A key that a process adds to its graph without it standing in the volfile. */
export function isInjectedOption(key: string): boolean {
  return COPIED_TO_CHILDREN.test(key) || key.startsWith('rpc-auth');
}

/** The keys of a translator, patterns left out; for "did you mean". */
export function knownKeys(type: string): string[] {
  return Object.keys(TABLE.get(canonicalType(type)) ?? {}).filter((key) => !key.endsWith('*'));
}

function ownEntry(options: XlatorOptions, key: string): OptionSpec | undefined {
  return Object.hasOwn(options, key) ? options[key] : undefined;
}

function byPattern(options: XlatorOptions, key: string): OptionSpec | undefined {
  let best: string | undefined;
  for (const pattern of Object.keys(options)) {
    if (!pattern.endsWith('*') || !key.startsWith(pattern.slice(0, -1))) continue;
    if (best === undefined || pattern.length > best.length) best = pattern;
  }
  return best === undefined ? undefined : options[best];
}
