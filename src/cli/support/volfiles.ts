/** Volfiles without their secrets. */
import { parseText } from '../../volfile/parse.ts';
import { printGraph } from '../../volfile/print.ts';
import { REDACTED, SECRET_OPTION } from './scrub.ts';

/** Shorter values (`on`, `*`) are no secrets, and would be found everywhere. */
const MIN_SECRET = 4;

/**
 * The file as its graph, without comments, which may say anything, and with every secret value replaced; undefined when it cannot be
 * parsed: what in it is a value is not certain then.
 */
export function redactVolfile(text: string): string | undefined {
  const parsed = parseText(text);
  if (!parsed.ok) return undefined;
  const volumes = parsed.graph.volumes.map((volume) => {
    const options = [...volume.options].map(([key, entry]) => {
      return [key, SECRET_OPTION.test(key) ? Object.assign({}, entry, { value: REDACTED }) : entry] as const;
    });
    return Object.assign({}, volume, { options: new Map(options) });
  });
  return printGraph({ volumes, byName: new Map(volumes.map((volume) => [volume.name, volume])) });
}

/** What follows a word that names a secret, however broken the file is: it must not be seen elsewhere either. */
export function secretsOf(text: string): string[] {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s"]+)/g)].map(([, quoted, bare]) => {
    return quoted === undefined ? (bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1');
  });
  const secrets = words.flatMap((word, index) => {
    const value = words[index + 1];
    return SECRET_OPTION.test(word) && value !== undefined && value.length >= MIN_SECRET ? [value] : [];
  });
  return [...new Set(secrets)];
}
