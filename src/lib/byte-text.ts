/**
 * Names on a brick are bytes. As text for people and JSON: UTF-8 where they are printable, `\xNN` for every other byte, `\\` for
 * a backslash; so two names never look the same and none reaches a terminal as a control character.
 */

/** U+FFFD is what others show for bytes that are no UTF-8; here it is written as its bytes, so that it never stands for them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u{fffd}]/u;

/** @param latin1 one character a byte */
export function bytesToText(latin1: string): string {
  // Most names: no decoding is needed.
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    const character = length === 0 ? '' : bytes.toString('utf8', at, at + length);
    if (character === '\\') text += '\\\\';
    else if (length === 0 || UNPRINTABLE.test(character)) text += escapeBytes(bytes.subarray(at, at + (length || 1)));
    else text += character;
    at += length || 1;
  }
  return text;
}

/** The way back; a backslash that is not of the form above stands for itself. @returns one character a byte */
export function textToBytes(text: string): string {
  const parts: string[] = [];
  for (const [part] of text.matchAll(/\\\\|\\x[0-9a-fA-F]{2}|[^\\]+|\\/g)) {
    if (part === '\\\\') parts.push('\\');
    else if (part.startsWith('\\x') && part.length === 4)
      parts.push(String.fromCharCode(Number.parseInt(part.slice(2), 16)));
    else parts.push(Buffer.from(part, 'utf8').toString('latin1'));
  }
  return parts.join('');
}

/** Bytes of the UTF-8 character that begins there; 0 when none does. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length <= 1) return length;
  const part = bytes.subarray(at, at + length);
  // Overlong forms, surrogates and what is cut off decode to something else than they were.
  return part.length === length && Buffer.from(part.toString('utf8'), 'utf8').equals(part) ? length : 0;
}

function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
