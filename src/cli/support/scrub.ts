/**
 * Takes out of a support bundle what must not leave: secrets always, names of tenants unless they are wanted. Names become
 * pseudonyms that are the same throughout one bundle and differ between bundles.
 */
import { createHmac, randomBytes } from 'node:crypto';

export const REDACTED = '[redacted]';

/** Options of volfiles whose value is a secret, or the way to one. */
export const SECRET_OPTION =
  /password|passwd|secret|token|username|auth\.login|ssl-|private-key|own-cert|ca-list|dh-param/i;

/** What GlusterFS and the agent write before such a value, in logs and in lists of changes, up to the end of the line. */
const SECRET_LINE =
  /((?:^|[\s:"'])[\w.*-]*(?:password|passwd|secret|private-key|own-cert|ca-list|dh-param)[\w.*-]*["']?[\s:=]+)(\S.*)$/gim;
/** A directory of a PV, or Kadalu's record of one, to the end of what may be its name. */
const PV_PATH = /\b((?:info\/)?subvol\/[0-9a-f]{2}\/[0-9a-f]{2}\/)[^\n"]*/g;
/** As CSI provisioners name PVs; some that are deleted are still spoken of. */
const CSI_NAME = /\bpvc-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g;
/** Of a claim, in the series that has it: names like `data` and `default`, which stand in many other words. */
const CLAIM_LABEL = /\b(namespace|persistentvolumeclaim)="([^"]*)"/g;

export interface ScrubberOptions {
  /** Values that must not be seen. */
  secrets: readonly string[];
  /** Names of PVs to replace; undefined: names may be seen. */
  names: readonly string[] | undefined;
}

export class Scrubber {
  readonly hidesNames: boolean;
  readonly #key = randomBytes(32);
  readonly #secrets = new Matcher();
  readonly #names = new Matcher();

  constructor({ secrets, names }: ScrubberOptions) {
    this.hidesNames = names !== undefined;
    for (const secret of secrets) for (const form of formsOf(secret)) this.#secrets.add(form, REDACTED);
    for (const name of names ?? []) for (const form of formsOf(name)) this.#names.add(form, this.#pseudonym(name));
  }

  text(text: string): string {
    const clean = this.#secrets.replace(text).replaceAll(SECRET_LINE, `$1${REDACTED}`);
    if (!this.hidesNames) return clean;
    return this.#names
      .replace(clean.replaceAll(PV_PATH, (_, prefix: string) => `${prefix}[name]`))
      .replaceAll(CSI_NAME, (name) => this.#pseudonym(name))
      .replaceAll(CLAIM_LABEL, (_, label: string, name: string) => `${label}="${this.#pseudonym(name, 'claim')}"`);
  }

  /** The same for every text in a value that becomes JSON; keys are ours. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === 'claim' ? this.#claim(item) : this.value(item)]),
    );
  }

  #claim(value: unknown): unknown {
    if (!this.hidesNames || typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, name]) => [key, this.#pseudonym(String(name), 'claim')]),
    );
  }

  #pseudonym(name: string, kind = 'pv'): string {
    return `${kind}-${createHmac('sha256', this.#key).update(name).digest('hex').slice(0, 12)}`;
  }
}

/** As it stands, in JSON, and in a label of Prometheus. */
function formsOf(text: string): Set<string> {
  const label = text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
  return new Set([text, JSON.stringify(text).slice(1, -1), label].filter((form) => form !== ''));
}

interface Branch {
  next: Map<string, Branch>;
  replacement: string | undefined;
}

/** Below this many characters a name counts only where it stands alone; it would be found in every word. */
const SHORT = 4;
const WORD = /[\p{L}\p{N}_]/u;

/** Replaces many texts in one walk, the longest that fits first. */
class Matcher {
  readonly #root: Branch = { next: new Map(), replacement: undefined };

  add(text: string, replacement: string): void {
    let branch = this.#root;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charAt(at);
      const next = branch.next.get(unit) ?? { next: new Map(), replacement: undefined };
      branch.next.set(unit, next);
      branch = next;
    }
    branch.replacement = replacement;
  }

  replace(text: string): string {
    let result = '';
    let copied = 0;
    for (let at = 0; at < text.length;) {
      const found = this.#at(text, at);
      if (found === undefined) {
        at += 1;
        continue;
      }
      result += text.slice(copied, at) + found.replacement;
      at += found.length;
      copied = at;
    }
    return result + text.slice(copied);
  }

  #at(text: string, start: number): { length: number; replacement: string } | undefined {
    let found: { length: number; replacement: string } | undefined;
    let branch: Branch | undefined = this.#root;
    for (let at = start; branch !== undefined; at += 1) {
      const length = at - start;
      if (branch.replacement !== undefined && (length >= SHORT || standsAlone(text, start, at))) {
        found = { length, replacement: branch.replacement };
      }
      branch = at < text.length ? branch.next.get(text.charAt(at)) : undefined;
    }
    return found;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !WORD.test(text.charAt(start - 1)) && !WORD.test(text.charAt(end));
}
