/** Writes tar archives in the ustar format (POSIX.1-1988): plain files, whose names are ours. */

const BLOCK = 512;
const MAX_NAME = 100;
/** Eleven octal digits. */
const MAX_SIZE = 8 ** 11 - 1;

/** An archive of the files, piece by piece. @throws RangeError for a name that is not plain, or too much */
export async function* tar(
  files: AsyncIterable<{ name: string; content: Uint8Array; mtimeSeconds: number }>,
): AsyncGenerator<Uint8Array> {
  for await (const { name, content, mtimeSeconds } of files) {
    yield tarHeader(name, content.length, mtimeSeconds);
    yield content;
    yield new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
  }
  // Two empty blocks end it.
  yield new Uint8Array(2 * BLOCK);
}

export function tarHeader(name: string, size: number, mtimeSeconds: number): Uint8Array {
  const isPlain = name.length <= MAX_NAME && /^[\w.-]+(\/[\w.-]+)*$/.test(name) && !name.split('/').includes('..');
  if (!isPlain || !Number.isSafeInteger(size) || size < 0 || size > MAX_SIZE) {
    throw new RangeError(`a tar entry cannot be ${name.slice(0, MAX_NAME)} with ${size} bytes`);
  }
  const header = Buffer.alloc(BLOCK);
  const put = (text: string, offset: number): void => void header.write(text, offset, 'latin1');
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  put(name, 0);
  // Mode 0600, owner 0, group 0.
  put(octal(0o600, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(Math.max(0, Math.floor(mtimeSeconds)), 11), 136);
  // The sum is made with blanks in its own place.
  put(' '.repeat(8), 148);
  put('0', 156);
  put('ustar\u000000', 257);
  put('root', 265);
  put('root', 297);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
